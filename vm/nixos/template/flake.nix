{
  description = "A report of my own, tried in dstate's machines";

  # The place of your checkout of dstate.
  inputs.dstate.url = "git+file:///home/you/dstate";
  inputs.nixpkgs.follows = "dstate/nixpkgs";

  outputs =
    {
      self,
      nixpkgs,
      dstate,
    }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
    in
    {
      # nix develop; dstate new my-report; dstate run my-report
      devShells.${system}.default = pkgs.mkShell {
        packages = [ dstate.packages.${system}.dstate ];
      };

      # A guest with more in it than dstate's own, for any kernel: nix build, and then
      # DSTATE_NIX_RESULTS=./result dstate run my-report --image nixos --kernel 6.1.129
      packages.${system}.default =
        let
          guest = nixpkgs.lib.nixosSystem {
            modules = [
              dstate.nixosModules.dstate-guest
              {
                nixpkgs.hostPlatform = system;
                environment.systemPackages = [ pkgs.gdb ];
              }
            ];
          };
        in
        pkgs.linkFarm "guests" [
          {
            name = "image";
            path = guest.config.system.build.dstateImage;
          }
        ];

      # nix build .#checks.x86_64-linux.my-report, on a builder with KVM
      checks.${system}.my-report = dstate.lib.cell {
        src = self;
        repro = "my-report";
        pin = "linux-6_6_58";
        outcome = "reproduced";
      };
    };
}
