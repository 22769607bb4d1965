# The programs of the host that dstate runs, as src/setup/needs.ts lists them for Debian.
{ pkgs }:
[
  pkgs.cpio
  pkgs.dpkg
  pkgs.e2fsprogs
  pkgs.fakeroot
  pkgs.gnupg
  pkgs.gnutar
  pkgs.kmod
  pkgs.mmdebstrap
  pkgs.qemu
  pkgs.util-linux
  pkgs.xz
  pkgs.zstd
]
