{
  description = "Reproduce kernel and runtime bug reports in throwaway virtual machines";

  # A revision in its URL pins an input: there is no lock file that could say something else.
  inputs = {
    # nixos-25.11 of 2026-04-25, for everything that no kernel pin decides.
    nixpkgs.url = "github:NixOS/nixpkgs/a4bf06618f0b5ee50f14ed8f0da77d34ecc19160";

    # One input for each kernel pin that names a nixpkgs revision: `nixpkgs-` and the pin's attribute.
    # This one is release-24.05 between Linux 6.6.58 and 6.6.59, the branch the flagship report used.
    nixpkgs-linux-6_6_58.url = "github:NixOS/nixpkgs/cd3e8833d70618c4eea8df06f95b364b016d4950";
  };

  outputs =
    { self, nixpkgs, ... }@inputs:
    let
      system = "x86_64-linux";
      inherit (nixpkgs) lib;
      pkgs = nixpkgs.legacyPackages.${system};
      pins = import ./vm/nixos/pins.nix { inherit lib inputs; };
      dstate = import ./vm/nixos/package.nix { inherit lib pkgs; };

      guest = import ./vm/nixos/guest.nix { inherit nixpkgs system; };
      guests = lib.mapAttrs (name: pin: guest pin) pins;
      # The system of an image that is booted with somebody else's kernel.
      anyKernel = guest null;

      # The same for the musl report: node of pkgsMusl, with the report's two addons.
      musl = import ./vm/nixos/guest.nix {
        inherit nixpkgs system;
        extra = [ ./vm/nixos/musl.nix ];
      } null;

      # The machine of https://github.com/nodejs/node/issues/55587.
      report = import ./vm/nixos/report.nix {
        inherit system;
        pin = pins.linux-6_6_58;
      };
      vm = "${report.config.system.build.vm}/bin/run-${report.config.networking.hostName}-vm";
    in
    {
      nixosModules.dstate-guest = ./vm/nixos/default.nix;

      nixosConfigurations = guests // {
        inherit report musl;
        guest = anyKernel;
      };

      packages.${system} = {
        inherit dstate;
        default = dstate;
        image = anyKernel.config.system.build.dstateImage;
        image-musl = musl.config.system.build.dstateImage;
      }
      // lib.mapAttrs' (name: built: {
        name = "image-${name}";
        value = built.config.system.build.dstateImage;
      }) guests
      // lib.mapAttrs' (name: built: {
        name = "kernel-${name}";
        value = built.config.system.build.dstateKernel;
      }) guests;

      apps.${system} = {
        default = {
          type = "app";
          program = vm;
        };
        dstate = {
          type = "app";
          program = "${dstate}/bin/dstate";
        };
      };

      devShells.${system}.default = import ./vm/nixos/shell.nix { inherit pkgs; };

      checks.${system} = import ./vm/nixos/checks.nix {
        inherit lib pkgs dstate;
        packages = self.packages.${system};
      };

      formatter.${system} = pkgs.nixfmt-tree;
    };
}
