# vm/kernels.json as Nix sees it: an attribute set of pins by name, `linux-6_6_58` for Linux 6.6.58.
{ lib, nixpkgs }:
let
  nameOf = pin: "linux-${builtins.replaceStrings [ "." ] [ "_" ] pin.version}";

  # The nixpkgs that a pin names. A revision is all that Nix asks of one on GitHub, unless the user's Nix does not trust
  # it (trust-tarballs-from-git-forges = false): then the pin needs the narHash as well.
  urlOf =
    {
      revision,
      narHash ? null,
    }:
    "github:NixOS/nixpkgs/${revision}" + lib.optionalString (narHash != null) "?narHash=${narHash}";
in
builtins.listToAttrs (
  map (pin: {
    name = nameOf pin;
    value =
      pin
      // {
        name = nameOf pin;
        source = nixpkgs;
      }
      // lib.optionalAttrs (pin ? nixpkgs) {
        flake = urlOf pin.nixpkgs;
        source = builtins.getFlake (urlOf pin.nixpkgs);
      };
  }) (builtins.fromJSON (builtins.readFile ../kernels.json))
)
