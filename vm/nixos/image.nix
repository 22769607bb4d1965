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
  # Debian's scripts, and the loader that workloads for musl name.
  files = pkgs.runCommand "dstate-guest-files" { } ''
    mkdir $out
    cp -r ${../debian/rootfs/usr/local/lib/dstate} $out/dstate
    ln -s ${pkgs.musl}/lib/ld-musl-x86_64.so.1 $out/ld-musl-x86_64.so.1
  '';

  # nixpkgs makes it as small as it can be.
  tight = pkgs.callPackage (modulesPath + "/../lib/make-ext4-fs.nix") {
    storePaths = [
      config.system.build.toplevel
      files
    ];
    volumeLabel = "dstate-root";
    # The kernel starts /sbin/init when its command line names no other. It mounts /dev by itself, and an initrd moves
    # its own there: both want the folder. What the first unit needs is there before anything has made it.
    populateImageCommands = ''
      for dir in dev etc lib lib64 opt/node proc root run sbin srv/work sys tmp usr/local/lib; do
        mkdir -p ./files/$dir
      done
      chmod 700 ./files/root
      chmod 1777 ./files/tmp
      ln -s ${config.system.build.toplevel}/init ./files/sbin/init
      ln -s ${files}/dstate ./files/usr/local/lib/dstate
      ln -s ${files}/ld-musl-x86_64.so.1 ./files/lib/ld-musl-x86_64.so.1
      ln -s ${config.environment.ldso} ./files/lib64/ld-linux-x86-64.so.2
    '';
  };
  # The image's own node, for reports.
  runtime = {
    node = config.dstate.runtime.package.node.version;
    libuv = config.dstate.runtime.package.libuv.version;
  };
in
{
  boot.loader.grub.enable = false;
  boot.initrd.enable = false;
  # With a kernel, NixOS links an initrd even where there is none: https://github.com/NixOS/nixpkgs/pull/517546
  system.build.initialRamdisk = lib.mkIf (!config.boot.initrd.enable) (
    pkgs.runCommand "no-initrd" { } "mkdir $out; touch $out/initrd"
  );
  system.build.initialRamdiskSecretAppender = lib.mkIf (!config.boot.initrd.enable) (
    pkgs.writeShellScriptBin "append-initrd-secrets" ""
  );
  fileSystems."/" = {
    device = "/dev/vda";
    fsType = "ext4";
    noCheck = true;
  };

  system.build.dstateRoot = tight;
  system.build.dstateImage =
    pkgs.runCommand "dstate-nixos-image" { nativeBuildInputs = [ (lib.getBin pkgs.e2fsprogs) ]; }
      ''
        mkdir $out
        cp --sparse=always ${tight} root.ext4
        chmod u+w root.ext4
        # Kernels before 5.15 and 4.4 mount no root file system that has these.
        tune2fs -O ^orphan_file,^metadata_csum_seed root.ext4
        truncate -s +1G root.ext4
        resize2fs root.ext4
        cp --sparse=always root.ext4 $out/root.ext4
        echo ${lib.escapeShellArg config.system.nixos.label} > $out/label
        echo ${lib.escapeShellArg (builtins.toJSON runtime)} > $out/runtime.json
      '';
}
