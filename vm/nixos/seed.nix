# A machine's identity comes from its seed disk at start: the run's keys, the hostname, the address. The
# scripts are Debian's, at the same place, so that both guests do the same.
{ lib, pkgs, ... }:
let
  place = "/usr/local/lib/dstate";
  path = "/run/wrappers/bin:/run/current-system/sw/bin";
in
{
  systemd.tmpfiles.rules = [
    "d /opt/node 0755 root root -"
    "d /srv/work 0755 root root -"
    "L+ ${place} - - - - ${../debian/rootfs + place}"
  ];

  systemd.services.dstate-guest = {
    description = "dstate guest: identity, network and keys from the seed disk";
    wantedBy = [ "multi-user.target" ];
    after = [
      "local-fs.target"
      "systemd-tmpfiles-setup.service"
    ];
    unitConfig.DefaultDependencies = false;
    environment.PATH = lib.mkForce path;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${place}/guest-start";
      StandardOutput = "journal+console";
    };
  };

  # The root shell on virtio-serial; without its ports it sleeps.
  systemd.services.dstate-agent = {
    description = "dstate guest: a root shell on virtio-serial, for the first command and for evidence";
    wantedBy = [ "multi-user.target" ];
    after = [ "dstate-guest.service" ];
    conflicts = [ "shutdown.target" ];
    unitConfig.DefaultDependencies = false;
    environment = {
      HOME = "/root";
      LANG = "C.UTF-8";
      PATH = lib.mkForce path;
    };
    serviceConfig = {
      ExecStart = "${place}/agent";
      WorkingDirectory = "/root";
      Restart = "always";
      RestartSec = 0;
      OOMScoreAdjust = -1000;
      StandardInput = "null";
      KillMode = "process";
    };
  };

  # What the scripts and the host's own commands in the guest take.
  environment.systemPackages = [
    pkgs.gnutar
    pkgs.iproute2
    pkgs.perl
    pkgs.util-linux
  ];

  networking.hostName = "dstate";
  networking.useDHCP = false;
  networking.usePredictableInterfaceNames = false;
  networking.firewall.enable = false;
  networking.nameservers = [ "10.0.2.3" ];
}
