# What runs inside. A Node release that dstate brings on a disk of its own is found first; else it is nixpkgs'
# node, whose libuv is a shared library: another libuv needs no other node.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.dstate.runtime;
  set = if cfg.libc == "musl" then pkgs.pkgsMusl else pkgs;
  node = set.${cfg.nodejs};
  libuv =
    if cfg.libuv == null then
      set.libuv
    else
      import ./libuv.nix {
        inherit lib;
        inherit (set) libuv;
        version = cfg.libuv;
      };
  # An official build of Node looks for its loader where NixOS has none, and for libstdc++ beside it. What starts one
  # past the commands below, such as an emulator, finds both places here.
  place = "/etc/dstate/runtime";

  command = name: disk: own: ''
    cat > $out/bin/${name} <<'END'
    #!${pkgs.runtimeShell}
    if [ -x /opt/node/bin/node ]; then
      export LD_LIBRARY_PATH=${place}/lib
      exec ${disk} "$@"
    fi
    ${lib.optionalString (cfg.libuv != null) "export LD_LIBRARY_PATH=${libuv}/lib"}
    exec ${own} "$@"
    END
    chmod +x $out/bin/${name}
  '';
in
{
  options.dstate.runtime = {
    nodejs = lib.mkOption {
      type = lib.types.str;
      default = "nodejs_22";
      description = "The attribute of nixpkgs that is node.";
    };
    libuv = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "1.46.0";
      description = "A release of libuv in vm/nixos/libuv.json; null is the one nixpkgs links node with.";
    };
    libc = lib.mkOption {
      type = lib.types.enum [
        "glibc"
        "musl"
      ];
      default = "glibc";
      description = "With musl, node is built from source: the public cache has few musl packages.";
    };
    package = lib.mkOption {
      type = lib.types.package;
      readOnly = true;
      description = "The commands node and npm.";
    };
  };

  config = {
    dstate.runtime.package =
      pkgs.runCommand "dstate-runtime"
        {
          passthru = { inherit node libuv; };
        }
        ''
          mkdir -p $out/bin
          ${command "node" "/opt/node/bin/node" "${node}/bin/node"}
          ${command "npm" "/opt/node/bin/node /opt/node/lib/node_modules/npm/bin/npm-cli.js" "${node}/bin/npm"}
        '';
    environment.systemPackages = [ cfg.package ];
    environment.etc."dstate/runtime/lib".source = "${lib.getLib pkgs.stdenv.cc.cc}/lib";
    environment.etc."dstate/runtime/node".source = "${node}/bin/node";
    environment.ldso = "${pkgs.glibc}/lib/ld-linux-x86-64.so.2";
  };
}
