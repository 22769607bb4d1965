# What a machine that lives for a minute can do without, and the tools that repros reach for.
{
  config,
  lib,
  pkgs,
  ...
}:
{
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
