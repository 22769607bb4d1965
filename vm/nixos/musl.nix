# The guest of the musl report: node of pkgsMusl, and the report's addons at the place where its trial looks.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  dstate.runtime.libc = "musl";
  environment.etc."dstate/addons".source = import ./musl-addons.nix {
    set = pkgs.pkgsMusl;
    headers = "${lib.getDev config.dstate.runtime.package.node}/include/node";
  };
}
