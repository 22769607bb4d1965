# Cells of repros as Nix builds: `nix build .#checks.x86_64-linux.<name>` runs one in the sandbox, on any of
# Nix' builders that has KVM, so a matrix spreads over machines with nothing of ours in between. A check
# succeeds when its cell shows what is expected; its output holds the trial's evidence.
{
  lib,
  pkgs,
  dstate,
  packages,
}:
let
  # Exit codes of `dstate run`: 0 clean, 1 reproduced.
  expected = {
    clean = 0;
    reproduced = 1;
  };

  cell =
    {
      repro,
      pin,
      outcome,
      arguments ? [ ],
    }:
    pkgs.runCommand "dstate-${repro}-${pin}-${outcome}"
      {
        nativeBuildInputs = [ dstate ];
        requiredSystemFeatures = [ "kvm" ];
        # In the sandbox nothing can be built or fetched: the parts are built before.
        DSTATE_NIX_RESULTS = pkgs.linkFarm "dstate-parts-${pin}" [
          {
            name = "image-${pin}";
            path = packages."image-${pin}";
          }
          {
            name = "kernel-${pin}";
            path = packages."kernel-${pin}";
          }
        ];
        kernel = "nix:${lib.replaceStrings [ "linux-" "_" ] [ "" "." ] pin}";
      }
      ''
        mkdir $out
        export HOME=$TMPDIR DSTATE_CACHE=$TMPDIR/cache DSTATE_LOGS=$out
        code=0
        dstate run ${repro} --image nixos --kernel $kernel --node image \
          ${lib.escapeShellArgs arguments} --json > $out/trial.json || code=$?
        if [ $code -ne ${toString expected.${outcome}} ]; then
          cat $out/trial.json
          echo "expected ${outcome} (exit code ${toString expected.${outcome}}), found exit code $code"
          exit 1
        fi
      '';
in
{
  io-uring-dstate-linux-6_6_58 = cell {
    repro = "io-uring-dstate";
    pin = "linux-6_6_58";
    outcome = "reproduced";
    arguments = [
      "--env"
      "UV_USE_IO_URING=1"
      "--trials"
      "3"
    ];
  };
  io-uring-dstate-linux-6_1_129 = cell {
    repro = "io-uring-dstate";
    pin = "linux-6_1_129";
    outcome = "clean";
    arguments = [
      "--env"
      "UV_USE_IO_URING=1"
    ];
  };
  io-uring-dstate-off-linux-6_6_58 = cell {
    repro = "io-uring-dstate";
    pin = "linux-6_6_58";
    outcome = "clean";
    arguments = [
      "--env"
      "UV_USE_IO_URING=0"
    ];
  };
}
