# What dstate runs and reads on the host, as src/setup/needs.ts lists it for Debian: from nixpkgs, by path.
{ lib, pkgs }:
let
  # nixpkgs' own list of Debian's mirrors: a host without apt names none.
  mirrors = pkgs.path + "/pkgs/build-support/fetchurl/mirrors.nix";

  # nixpkgs' mmdebstrap looks for programs only in the store, where newuidmap cannot be setuid: user namespaces need
  # the one that NixOS wraps, /run/wrappers/bin/newuidmap.
  mmdebstrap = pkgs.writeShellScriptBin "mmdebstrap" ''
    for program in ${pkgs.mmdebstrap}/bin/.mmdebstrap-wrapped ${pkgs.mmdebstrap}/bin/mmdebstrap; do
      [ ! -x $program ] || break
    done
    PATH=/run/wrappers/bin:${
      lib.makeBinPath [
        pkgs.mmdebstrap
        pkgs.apt
        pkgs.coreutils
        pkgs.dpkg
        pkgs.fakeroot
        pkgs.findutils
        pkgs.gnupg
        pkgs.gnutar
        pkgs.perl
        pkgs.shadow
        pkgs.util-linux
      ]
    }
    PERL5LIB=${pkgs.mmdebstrap}/include
    export PATH PERL5LIB
    exec $program "$@"
  '';
in
{
  packages = [
    pkgs.binutils
    pkgs.bzip2
    pkgs.cpio
    pkgs.dpkg
    pkgs.e2fsprogs
    pkgs.fakeroot
    pkgs.gnupg
    pkgs.gnutar
    pkgs.kmod
    pkgs.libarchive
    pkgs.lz4
    mmdebstrap
    pkgs.qemu
    pkgs.util-linux
    pkgs.xz
    pkgs.zstd
  ];

  # src/base/settings.ts reads them. What the user has set stays.
  environment = {
    DSTATE_BUSYBOX = "${pkgs.pkgsStatic.busybox}/bin/busybox";
    DSTATE_DEBIAN_KEYRING = "${pkgs.debian-archive-keyring}/share/keyrings";
    DSTATE_DEBIAN_MIRROR = lib.removeSuffix "/" (lib.head (import mirrors).debian);
    # A NixOS host can always make NixOS guests; Debian ones take user namespaces, or root.
    DSTATE_IMAGE = "nixos";
  };
}
