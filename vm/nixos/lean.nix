# What a machine that lives for a minute can do without, and the tools that repros reach for.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
{
  # A system without a kernel of its own needs none in its closure, and has no modules to load. Not every NixOS has
  # these options: up to 20.09, and from 26.05 on.
  boot = lib.mkIf (config.dstate.kernel.pin == null) (
    lib.optionalAttrs (options.boot ? bootspec) { bootspec.enable = false; }
    // lib.optionalAttrs (options.boot ? modprobeConfig) { modprobeConfig.enable = false; }
  );
  documentation.enable = false;
  nix.enable = false;
  services.timesyncd.enable = false;
  services.logrotate.enable = false;
  system.stateVersion = config.system.nixos.release;
  environment.systemPackages = [
    pkgs.crun
    pkgs.openssh
    pkgs.procps
    pkgs.strace
    pkgs.tmux
  ];
}
