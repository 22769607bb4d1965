# A machine's identity comes from its seed disk at start: the run's keys, the hostname, the address. The
# scripts are Debian's, at the same place, so that both guests do the same; image.nix puts them and the folders there.
{ lib, pkgs, ... }:
let
  place = "/usr/local/lib/dstate";
  path = "/run/wrappers/bin:/run/current-system/sw/bin";
in
{
  systemd.services.dstate-guest = {
    description = "dstate guest: identity, network and keys from the seed disk";
    wantedBy = [ "multi-user.target" ];
    # Nothing here needs more than the kernel and the root file system: it runs while systemd still sets up the rest.
    unitConfig.DefaultDependencies = false;
    environment.PATH = lib.mkForce path;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${place}/guest-start";
      # The journal would be waited for.
      StandardOutput = "tty";
      StandardError = "tty";
      TTYPath = "/dev/console";
    };
  };

  # The root shell on virtio-serial; without its ports it sleeps.
  systemd.services.dstate-agent = {
    description = "dstate guest: a root shell on virtio-serial, for the first command and for evidence";
    wantedBy = [ "multi-user.target" ];
    after = [ "dstate-guest.service" ];
    conflicts = [ "shutdown.target" ];
    unitConfig.DefaultDependencies = false;
    # However often the host lets go of the port, there is a shell on it.
    unitConfig.StartLimitIntervalSec = 0;
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
      StandardOutput = "null";
      StandardError = "null";
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
  # A file, and no service that writes one.
  networking.resolvconf.enable = false;
  environment.etc."resolv.conf".text = "nameserver 10.0.2.3\n";
}
