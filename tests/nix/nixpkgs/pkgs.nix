# The packages that dstate names. Each is a real derivation, so that what depends on it has a real hash and what
# goes into it can be read; none is ever built.
{ lib }:
let
  derive =
    name: attributes: more:
    derivation (
      {
        inherit name;
        system = "x86_64-linux";
        builder = "/bin/sh";
      }
      // attributes
    )
    // more;
  plain =
    name: version:
    let
      self = derive "${name}-${version}" { } { inherit version; } // {
        pname = name;
        overrideAttrs = change: self // change self;
      };
    in
    self;
  kernelOf = version: plain "linux" version // { modDirVersion = version; };
  text = name: content: derive name { inherit content; } { };

  packages =
    builtins.listToAttrs (
      map
        (name: {
          inherit name;
          value = plain name "1";
        })
        [
          "bc"
          "bison"
          "cacert"
          "coreutils"
          "cpio"
          "crun"
          "dpkg"
          "e2fsprogs"
          "elfutils"
          "fakeroot"
          "flex"
          "gcc"
          "git"
          "glibc"
          "gnumake"
          "gnupg"
          "gnutar"
          "gzip"
          "iproute2"
          "kmod"
          "makeWrapper"
          "mmdebstrap"
          "nixfmt-tree"
          "openssh"
          "perl"
          "procps"
          "qemu"
          "strace"
          "tmux"
          "util-linux"
          "xz"
          "zstd"
        ]
    )
    // {
      nodejs_20 = plain "nodejs" "20.18.0";
      nodejs_22 = plain "nodejs" "22.20.0";
      nodejs_24 = plain "nodejs" "24.11.0";
      libuv = plain "libuv" "1.48.0";
      runtimeShell = "/nix/store/stand-in-bash/bin/bash";
      stdenv = {
        cc.cc.lib = plain "gcc-lib" "14";
        mkDerivation = attributes: derive attributes.name (removeAttrs attributes [ "name" ]) attributes;
      };
      pkgsMusl = packages // {
        nodejs_22 = plain "nodejs-musl" "22.20.0";
        libuv = plain "libuv-musl" "1.48.0";
      };
      pkgsStatic.busybox = plain "busybox-static" "1.36";

      fetchurl =
        {
          name,
          url,
          sha256,
        }:
        derive name {
          inherit url;
          outputHash = sha256;
          outputHashAlgo = "sha256";
          outputHashMode = "flat";
        } { inherit url; };
      runCommand =
        name: environment: script:
        derive name (
          removeAttrs environment [
            "meta"
            "passthru"
          ]
          // {
            inherit script;
          }
        ) (environment.passthru or { } // { meta = environment.meta or { }; });
      writeScript = text;
      writeText = text;
      writeShellScriptBin = text;
      linkFarm = name: entries: derive name { entries = builtins.toJSON entries; } { inherit entries; };
      mkShell = { packages }: derive "shell" { inherit packages; } { inherit packages; };
      callPackage =
        file: given:
        let
          function = import file;
        in
        function (builtins.intersectAttrs (builtins.functionArgs function) packages // given);

      linuxManualConfig =
        {
          version,
          src,
          configfile,
          config,
        }:
        derive "linux-${version}" { inherit src configfile; } {
          inherit version src configfile config;
          modDirVersion = if builtins.length (lib.splitVersion version) == 2 then "${version}.0" else version;
        };
      linuxPackagesFor = kernel: { inherit kernel; };
    }
    // builtins.mapAttrs (line: version: { kernel = kernelOf version; }) (import ./kernels.nix);
in
packages
// {
  pkgs = packages;
}
