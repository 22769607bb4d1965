# What it takes to work on dstate and to build kernels with it.
{ pkgs }:
pkgs.mkShell {
  packages = import ./host-tools.nix { inherit pkgs; } ++ [
    pkgs.nodejs_24
    pkgs.nixfmt-tree
    # kernel builds
    pkgs.bc
    pkgs.bison
    pkgs.elfutils
    pkgs.flex
    pkgs.gcc
    pkgs.git
    pkgs.gnumake
    pkgs.gnupg
    pkgs.perl
  ];
}
