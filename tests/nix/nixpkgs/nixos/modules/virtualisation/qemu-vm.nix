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
    diskImage = mkOption { type = types.nullOr types.str; };
    memorySize = mkOption { type = types.int; };
  };
  config.system.build.vm = pkgs.runCommand "vm" { } "run-${config.networking.hostName}-vm";
}
