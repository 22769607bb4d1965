# ssh as root with the run's own key, which the seed disk brings: no key is part of the image.
{ lib, pkgs, ... }:
{
  environment.etc."ssh/dstate_sshd_config".source = ../debian/rootfs/etc/ssh/dstate_sshd_config;

  systemd.services.dstate-sshd = {
    description = "dstate guest: ssh with the run's own keys";
    wantedBy = [ "multi-user.target" ];
    requires = [ "dstate-guest.service" ];
    after = [ "dstate-guest.service" ];
    conflicts = [ "shutdown.target" ];
    before = [ "shutdown.target" ];
    unitConfig.DefaultDependencies = false;
    serviceConfig = {
      ExecStart = "${pkgs.openssh}/bin/sshd -D -e -f /etc/ssh/dstate_sshd_config -o SetEnv=PATH=/run/wrappers/bin:/run/current-system/sw/bin";
      RuntimeDirectory = "sshd";
      # A process that the reporter started from a login outlives the daemon; systemd-shutdown has to end it.
      KillMode = "process";
    };
  };

  # NixOS' own daemon would make host keys on the disk.
  services.openssh.enable = false;
  users.users.sshd = {
    isSystemUser = true;
    group = "sshd";
    description = "sshd before a login";
  };
  users.groups.sshd = { };

  # No password opens it; "!" would lock the account for keys as well.
  # https://man.openbsd.org/sshd#LOGIN_PROCESS
  users.users.root.hashedPassword = "*";
  # NixOS locks it by default, and warns of two definitions.
  users.users.root.initialHashedPassword = lib.mkForce null;
}
