# The system as one bare ext4 file system, booted with a kernel from outside: no boot loader, no partitions,
# no initrd. Building it needs no KVM.
{
  config,
  lib,
  modulesPath,
  pkgs,
  ...
}:
let
  # nixpkgs makes it as small as it can be.
  tight = pkgs.callPackage (modulesPath + "/../lib/make-ext4-fs.nix") {
    storePaths = [ config.system.build.toplevel ];
    volumeLabel = "dstate-root";
    # The kernel starts /sbin/init when its command line names no other.
    populateImageCommands = ''
      mkdir -p ./files/sbin
      ln -s ${config.system.build.toplevel}/init ./files/sbin/init
    '';
  };
in
{
  boot.loader.grub.enable = false;
  boot.initrd.enable = false;
  fileSystems."/" = {
    device = "/dev/vda";
    fsType = "ext4";
    noCheck = true;
  };

  system.build.dstateImage =
    pkgs.runCommand "dstate-nixos-image" { nativeBuildInputs = [ pkgs.e2fsprogs ]; }
      ''
        mkdir $out
        cp --sparse=always ${tight} root.ext4
        chmod u+w root.ext4
        truncate -s +1G root.ext4
        resize2fs root.ext4
        cp --sparse=always root.ext4 $out/root.ext4
        echo ${lib.escapeShellArg config.system.nixos.label} > $out/label
      '';
}
