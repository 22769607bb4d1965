# What it takes to work on dstate and to build kernels with it.
{ lib, pkgs }:
let
  tools = import ./host-tools.nix { inherit lib pkgs; };
  npm = import ./npm.nix { inherit lib pkgs; };
  # npm brings the linter for ordinary Linux, whose loader NixOS has not; this one of the same release needs none.
  biome = pkgs.runCommand "dstate-biome" { } ''
    mkdir -p $out/bin
    tar -xzf ${npm.tarballOf "node_modules/@biomejs/cli-linux-x64-musl"} --strip-components=1 -C $out/bin package/biome
    chmod +x $out/bin/biome
  '';
  # The package itself would put musl's headers before glibc's for every other compiler call.
  muslGcc = pkgs.writeShellScriptBin "musl-gcc" ''exec ${pkgs.musl.dev}/bin/musl-gcc "$@"'';
in
pkgs.mkShell {
  packages = tools.packages ++ [
    pkgs.nodejs_24
    pkgs.nixfmt-tree
    # the page of `dstate show`, in its tests
    pkgs.chromium
    # kernel builds
    pkgs.bc
    pkgs.bison
    pkgs.ccache
    pkgs.flex
    pkgs.gcc
    pkgs.git
    pkgs.gnumake
    pkgs.perl
    muslGcc
  ];
  buildInputs = [ pkgs.elfutils ];
  # Flags that nixpkgs adds to every call of gcc would make other kernels and workloads than Debian's gcc does.
  hardeningDisable = [ "all" ];
  BIOME_BINARY = "${biome}/bin/biome";
  shellHook = lib.concatStrings (
    lib.mapAttrsToList (name: value: ''
      export ${name}="''${${name}-${value}}"
    '') tools.environment
  );
}
