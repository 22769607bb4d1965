# Cells of the flagship report as Nix builds: `nix build .#checks.x86_64-linux.<name>` runs one in the sandbox.
{ cell }:
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
