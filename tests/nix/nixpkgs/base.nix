# What a NixOS is made of, as far as it shows what dstate's modules put into the store.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  # A default of NixOS that the guest contract has to override.
  boot.kernel.sysctl."kernel.sysrq" = 16;

  system.build.toplevel = pkgs.runCommand "nixos-system-${config.networking.hostName}" {
    etc = builtins.toJSON config.environment.etc;
    packages = config.environment.systemPackages;
    units = builtins.toJSON config.systemd.services;
    users = builtins.toJSON config.users.users;
    tmpfiles = config.systemd.tmpfiles.rules;
    ldso = config.environment.ldso;
    login = config.programs.bash.loginShellInit;
    kernel = if config.boot.kernel.enable then "${config.boot.kernelPackages.kernel}" else "";
    inherit (config.system) stateVersion;
  } "";
}
