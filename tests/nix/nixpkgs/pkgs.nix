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
  kernelOf =
    version:
    plain "linux" version
    // {
      modDirVersion = version;
      config = configured { };
    };
  # What NixOS asks of a kernel's configuration.
  configured =
    options:
    let
      is = name: value: options."CONFIG_${name}" or "n" == value;
    in
    options
    // {
      isSet = name: options ? "CONFIG_${name}";
      isYes = name: is name "y";
      isNo = name: is name "n";
      isModule = name: is name "m";
      isEnabled = name: is name "y" || is name "m";
      isDisabled = name: is name "n";
    };
  text = name: content: derive name { inherit content; } { };

  packages =
    builtins.listToAttrs (
      map
        (name: {
          inherit name;
          value = plain name "1";
        })
        [
          "apt"
          "bc"
          "binutils"
          "bison"
          "busybox"
          "bzip2"
          "cacert"
          "ccache"
          "chromium"
          "coreutils"
          "cpio"
          "crun"
          "debian-archive-keyring"
          "dpkg"
          "e2fsprogs"
          "elfutils"
          "fakeroot"
          "findutils"
          "flex"
          "gcc"
          "gdb"
          "git"
          "glibc"
          "gnumake"
          "gnupg"
          "gnutar"
          "gzip"
          "iproute2"
          "kmod"
          "libarchive"
          "lz4"
          "makeWrapper"
          "mmdebstrap"
          "nixfmt-tree"
          "openssh"
          "perl"
          "procps"
          "qemu"
          "shadow"
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
      musl = plain "musl" "1.2.5" // {
        dev = plain "musl-dev" "1.2.5";
      };
      path = ./.;
      runtimeShell = "/nix/store/stand-in-bash/bin/bash";
      stdenv = {
        cc.cc = plain "gcc-unwrapped" "14" // {
          lib = plain "gcc-lib" "14";
        };
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
          urls,
          sha256,
        }:
        derive name {
          inherit urls;
          outputHash = sha256;
          outputHashAlgo = "sha256";
          outputHashMode = "flat";
        } { inherit urls; };
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
        ) (
          environment.passthru or { }
          // {
            inherit environment;
            meta = environment.meta or { };
          }
        );
      writeScript = text;
      writeText = text;
      writeShellScriptBin = text;
      linkFarm = name: entries: derive name { entries = builtins.toJSON entries; } { inherit entries; };
      # Attributes of its own are environment variables of the shell.
      mkShell =
        {
          packages,
          buildInputs ? [ ],
          shellHook ? "",
          hardeningDisable ? [ ],
          ...
        }@attributes:
        derive "shell" attributes attributes;
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
          inherit version src configfile;
          config = configured config;
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
