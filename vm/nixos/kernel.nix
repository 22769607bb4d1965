# The kernel of a pin of vm/kernels.json. With a nixpkgs revision it is the one that nixpkgs carries, which
# the public binary cache has; with a sha256 it is built from that source; with neither it is refused.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.dstate.kernel) pin;
  line = lib.concatStringsSep "_" (lib.take 2 (lib.splitVersion pin.version));

  carried =
    let
      found = pkgs."linuxPackages_${line}";
    in
    if !(pkgs ? "linuxPackages_${line}") then
      throw "vm/kernels.json says that nixpkgs ${pin.nixpkgs.revision} carries Linux ${pin.version}, but it has no linuxPackages_${line}"
    else if found.kernel.version != pin.version then
      throw "vm/kernels.json says that nixpkgs ${pin.nixpkgs.revision} carries Linux ${pin.version}, but its linuxPackages_${line} is ${found.kernel.version}"
    else
      found;

  built = pkgs.linuxPackagesFor (import ./kernel-from-source.nix { inherit lib pkgs pin; });

  packages =
    if pin ? nixpkgs then
      carried
    else if pin.sha256 or null != null then
      built
    else
      throw "Linux ${pin.version} in vm/kernels.json has neither a sha256 nor a nixpkgs revision: run `dstate kernels pin ${pin.version}` on a machine that reaches kernel.org";
in
{
  options.dstate.kernel.pin = lib.mkOption {
    type = lib.types.nullOr (lib.types.attrsOf lib.types.anything);
    default = null;
    description = "An entry of vm/kernels.json; null: the kernel comes from outside, and the system has none.";
  };

  config = {
    boot.kernel.enable = lib.mkDefault (pin != null);
    boot.kernelPackages = lib.mkIf (pin != null) packages;
    # NixOS asks the kernel for its configuration even where there is none: 25.11 whether CONFIG_MODULES is set, later
    # ones whether it is on. https://github.com/NixOS/nixpkgs/issues/467069
    system.build.kernel = lib.mkIf (!config.boot.kernel.enable) {
      config = lib.genAttrs [ "isSet" "isYes" "isNo" "isModule" "isEnabled" ] (name: option: false) // {
        isDisabled = option: true;
      };
    };
    system.build.dstateKernel = lib.mkIf (pin != null) (import ./kernel-folder.nix {
      inherit lib pkgs;
      inherit (config.boot.kernelPackages) kernel;
      inherit (config.system) modulesTree;
    });
  };
}
