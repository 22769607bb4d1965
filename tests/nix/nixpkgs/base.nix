# What a NixOS is made of, as far as it shows what dstate's modules put into the store, and where NixOS takes from them
# what they may not have thought of.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.boot) kernel initrd;
  # Consoles that NixOS starts a login on by itself, unless it is told not to.
  consoles = builtins.filter (name: config.systemd.services.${name}.enable or true) [
    "autovt@tty1"
    "getty@tty1"
    "serial-getty@ttyS0"
  ];
  # NixOS asks these of the kernel's configuration in places that it evaluates without a kernel as well.
  asked = map (name: config.system.build.kernel.config.${name} "MODULES") [
    "isSet"
    "isYes"
    "isNo"
    "isModule"
    "isEnabled"
    "isDisabled"
  ];
in
{
  # Defaults of NixOS that the guest contract has to override.
  boot.kernel.sysctl."kernel.sysrq" = 16;
  users.users.root.initialHashedPassword = lib.mkDefault "!";

  system.build.kernel = lib.mkIf kernel.enable config.boot.kernelPackages.kernel;
  # Only the module of the initrd defines them.
  system.build.initialRamdisk = lib.mkIf initrd.enable (pkgs.runCommand "initrd" { } "");
  system.build.initialRamdiskSecretAppender = lib.mkIf initrd.enable (pkgs.runCommand "secrets" { } "");

  warnings = lib.concatMap (
    name:
    let
      user = config.users.users.${name};
      set = builtins.filter (option: user.${option} or null != null) [
        "hashedPassword"
        "password"
        "initialHashedPassword"
      ];
    in
    lib.optional (builtins.length set > 1) "The user '${name}' has multiple of the options ${toString set} set."
  ) (builtins.attrNames config.users.users);

  system.build.toplevel = pkgs.runCommand "nixos-system-${config.networking.hostName}" {
    etc = builtins.toJSON config.environment.etc;
    packages = config.environment.systemPackages;
    units = builtins.toJSON config.systemd.services;
    users = builtins.toJSON config.users.users;
    tmpfiles = config.systemd.tmpfiles.rules;
    ldso = config.environment.ldso;
    login = config.programs.bash.loginShellInit;
    inherit consoles;
    kernel = lib.optionalString kernel.enable "${config.boot.kernelPackages.kernel}";
    # With a kernel, NixOS links an initrd whether one is made or not.
    initrd = lib.optionalString kernel.enable "${config.system.build.initialRamdisk}/initrd ${config.system.build.initialRamdiskSecretAppender}/bin";
    # The boot specification names a kernel whether there is one or not.
    bootspec = lib.optionalString config.boot.bootspec.enable "${config.boot.kernelPackages.kernel}/bzImage";
    activation =
      lib.optionalString config.security.enableWrappers "set-uid wrappers are made;" +
      lib.optionalString config.boot.modprobeConfig.enable "modprobe > /proc/sys/kernel/modprobe"
      + lib.optionalString config.networking.resolvconf.enable "resolvconf writes /etc/resolv.conf";
    inherit (config.system) stateVersion;
    modules = builtins.toJSON asked;
  } "";
}
