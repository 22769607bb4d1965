{
  description = "A small stand-in for nixpkgs: enough to evaluate dstate's flake without a network";

  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      pkgs = import ./pkgs.nix { inherit lib; };
    in
    {
      lib = lib // {
        nixosSystem =
          { modules }:
          import ./modules.nix {
            inherit lib pkgs;
            modules = [ ./base.nix ] ++ modules;
            modulesPath = "${self}/nixos/modules";
            declared = import ./options.nix { inherit lib pkgs; };
          };
      };
      legacyPackages.x86_64-linux = pkgs;
    };
}
