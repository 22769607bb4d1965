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
      legacyPackages.x86_64-linux = pkgs // {
        # nixpkgs' own test driver: its nodes are machines of qemu-vm.nix.
        testers.runNixOSTest =
          {
            name,
            nodes,
            testScript,
          }:
          pkgs.runCommand "vm-test-run-${name}" {
            inherit testScript;
            nodes = map (
              node:
              (self.lib.nixosSystem {
                modules = [
                  node
                  ./nixos/modules/virtualisation/qemu-vm.nix
                  { system.stateVersion = "25.11"; }
                ];
              }).config.system.build.toplevel
            ) (builtins.attrValues nodes);
          } "";
      };
    };
}
