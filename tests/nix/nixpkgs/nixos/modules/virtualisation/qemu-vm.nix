# The options of the module of this name that dstate sets.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
in
{
  options.virtualisation = {
    cores = mkOption { type = types.int; };
    diskImage = mkOption {
      type = types.nullOr types.str;
      default = "./machine.qcow2";
    };
    # A window, unless it is told not to: no machine starts over ssh then.
    graphics = mkOption {
      type = types.bool;
      default = true;
    };
    memorySize = mkOption { type = types.int; };
  };
  config.system.build.vm = pkgs.runCommand "vm" { } "run-${config.networking.hostName}-vm ${
    lib.optionalString (!config.virtualisation.graphics) "-nographic"
  }";
}
