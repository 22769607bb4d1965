# What a machine that lives for a minute can do without, and the tools that repros reach for.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  # A boot that is emulated pays for each of these, and nothing of a trial needs them; the network is set up by
  # dstate-guest. Debian's guest has the same list (vm/debian/links.json).
  services = [
    "audit"
    "kmod-static-nodes"
    "modprobe@"
    "network-local-commands"
    "network-setup"
    "systemd-binfmt"
    "systemd-hwdb-update"
    "systemd-journal-catalog-update"
    "systemd-journal-flush"
    "systemd-logind"
    "systemd-machine-id-commit"
    "systemd-modules-load"
    "systemd-pstore"
    "systemd-random-seed"
    "systemd-rfkill"
    "systemd-update-done"
    "systemd-update-utmp"
    "systemd-user-sessions"
    "systemd-vconsole-setup"
  ];
  units = [
    "dev-hugepages.mount"
    "dev-mqueue.mount"
    "proc-sys-fs-binfmt_misc.automount"
    "sys-fs-fuse-connections.mount"
    "sys-kernel-debug.mount"
    "sys-kernel-tracing.mount"
    "systemd-ask-password-console.path"
    "systemd-ask-password-wall.path"
    "systemd-tmpfiles-clean.timer"
  ];
  off = names: lib.genAttrs names (name: { enable = false; });
in
{
  # A system without a kernel of its own needs none in its closure, and has no modules to load. Not every NixOS has
  # these options: up to 20.09, and from 26.05 on.
  boot = lib.mkIf (config.dstate.kernel.pin == null) (
    lib.optionalAttrs (options.boot ? bootspec) { bootspec.enable = false; }
    // lib.optionalAttrs (options.boot ? modprobeConfig) { modprobeConfig.enable = false; }
  );
  # Nobody but root logs in: nothing has to be set-uid.
  security = lib.optionalAttrs (options.security ? enableWrappers) { enableWrappers = false; };
  systemd.services = off services;
  systemd.units = off units;
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
