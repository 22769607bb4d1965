# A cell of a repro as a Nix build: on any of Nix' builders that has KVM, so a matrix spreads over machines with
# nothing of ours in between. It succeeds when the cell shows what is expected; its output holds the trial's evidence.
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
in
{
  # The name of a repro of dstate's, or of a folder below `src`.
  repro,
  # The name of a pin, such as `linux-6_6_58`.
  pin,
  outcome,
  # The folder that has the repro; null: it is one of dstate's.
  src ? null,
  # The folder of an image of your own (system.build.dstateImage); null: the pin's.
  image ? null,
  arguments ? [ ],
}:
pkgs.runCommand "dstate-${baseNameOf repro}-${pin}-${outcome}"
  {
    nativeBuildInputs = [ dstate ];
    requiredSystemFeatures = [ "kvm" ];
    # In the sandbox nothing can be built or fetched: the parts are built before.
    DSTATE_NIX_RESULTS = pkgs.linkFarm "dstate-parts-${pin}" [
      {
        name = "image-${pin}";
        path = if image == null then packages."image-${pin}" else image;
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
    ${lib.optionalString (src != null) "cd ${src}"}
    code=0
    dstate run ${lib.escapeShellArg repro} --image nixos --kernel $kernel --node image \
      ${lib.escapeShellArgs arguments} --json > $out/trial.json || code=$?
    if [ $code -ne ${toString expected.${outcome}} ]; then
      cat $out/trial.json
      echo "expected ${outcome} (exit code ${toString expected.${outcome}}), found exit code $code"
      exit 1
    fi
  ''
