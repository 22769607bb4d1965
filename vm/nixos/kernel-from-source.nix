# An upstream release from the source whose sha256 is pinned, with the configuration that dstate's own builds
# have (vm/kernel/config), and what NixOS asks of a kernel on top.
{
  lib,
  pkgs,
  pin,
}:
let
  src = pkgs.fetchurl {
    name = "linux-${pin.version}.tar.xz";
    # A pin without a URL is of the source as the Debian archive has it; its pool drops a superseded one after a while,
    # and then the pin's other place has the same bytes.
    urls = [
      (pin.url
        or "mirror://debian/pool/main/l/linux/linux_${lib.replaceStrings [ "-rc" ] [ "~rc" ] pin.version}.orig.tar.xz"
      )
    ]
    ++ lib.optional (pin ? elsewhere) pin.elsewhere;
    inherit (pin) sha256;
  };

  fragments = map (name: ../kernel/config + "/${name}") (
    lib.filter (lib.hasSuffix ".config") (builtins.attrNames (builtins.readDir ../kernel/config))
  );
  lines = lib.concatMap (file: lib.splitString "\n" (builtins.readFile file)) (
    fragments ++ [ ./kernel.config ]
  );
  options = lib.concatMap (
    line:
    let
      found = builtins.match "(CONFIG_[A-Za-z0-9_]+)=(.*)" line;
    in
    lib.optional (found != null) {
      name = lib.head found;
      value = lib.last found;
    }
  ) lines;
  # Later fragments win, as they do in dstate's own builds.
  config = builtins.foldl' (all: option: all // { ${option.name} = option.value; }) { } options;

  wanted = pkgs.writeText "dstate-guest.config" (
    lib.concatStrings (
      lib.mapAttrsToList (
        name: value: if value == "n" then "# ${name} is not set\n" else "${name}=${value}\n"
      ) config
    )
  );
  # What no fragment names is off, and not what the kernel has for its default.
  configfile = pkgs.stdenv.mkDerivation {
    name = "linux-${pin.version}-dstate-config";
    inherit src;
    nativeBuildInputs = [
      pkgs.bison
      pkgs.flex
      pkgs.perl
    ];
    # As nixpkgs does for its own kernels: what the compiler can do decides what the configuration offers.
    hardeningDisable = [ "all" ];
    dontConfigure = true;
    buildPhase = "make ARCH=x86_64 KCONFIG_ALLCONFIG=${wanted} allnoconfig";
    installPhase = "cp .config $out";
    dontFixup = true;
  };
in
pkgs.linuxManualConfig {
  inherit (pin) version;
  inherit src configfile config;
}
