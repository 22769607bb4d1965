# A function from a kernel pin (or null) to the NixOS system that keeps the guest contract.
{
  nixpkgs,
  system,
  extra ? [ ],
}:
pin:
let
  source = if pin == null then nixpkgs else pin.source;
in
source.lib.nixosSystem {
  modules = [
    ./default.nix
    {
      nixpkgs.hostPlatform = system;
      dstate.kernel.pin = if pin == null then null else removeAttrs pin [ "source" ];
    }
  ]
  ++ extra;
}
