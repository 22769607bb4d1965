# vm/kernels.json as Nix sees it: an attribute set of pins by name, `linux-6_6_58` for Linux 6.6.58.
{ lib, inputs }:
let
  nameOf = pin: "linux-${builtins.replaceStrings [ "." ] [ "_" ] pin.version}";

  # The nixpkgs that a pin names is an input of the flake, for a flake may fetch nothing else.
  nixpkgsOf =
    pin:
    let
      input = "nixpkgs-${nameOf pin}";
      wanted = pin.nixpkgs.revision;
      found = inputs.${input}.rev or wanted;
    in
    if !(pin ? nixpkgs) then
      inputs.nixpkgs
    else if !(inputs ? ${input}) then
      throw "vm/kernels.json takes Linux ${pin.version} from nixpkgs ${wanted}, and flake.nix has no input ${input} with that revision: add it"
    else if found != wanted then
      throw "vm/kernels.json takes Linux ${pin.version} from nixpkgs ${wanted}, and the input ${input} of flake.nix is ${found}: make them the same"
    else
      inputs.${input};
in
builtins.listToAttrs (
  map (pin: {
    name = nameOf pin;
    value = pin // {
      name = nameOf pin;
      source = nixpkgsOf pin;
    };
  }) (builtins.fromJSON (builtins.readFile ../kernels.json))
)
