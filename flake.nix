{
  description = "Reproduce kernel and runtime bug reports in throwaway virtual machines";

  # nixos-25.11 of 2026-04-25, for everything that no kernel pin decides; flake.lock has its hash. A pin's own nixpkgs
  # is no input: vm/nixos/pins.nix takes it by the revision that vm/kernels.json names.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/a4bf06618f0b5ee50f14ed8f0da77d34ecc19160";

  outputs =
    { self, nixpkgs }:
    let
      system = "x86_64-linux";
      inherit (nixpkgs) lib;
      pkgs = nixpkgs.legacyPackages.${system};
      pins = import ./vm/nixos/pins.nix { inherit lib nixpkgs; };
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

      packages = {
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

      cell = import ./vm/nixos/cell.nix { inherit lib pkgs dstate packages; };
    in
    {
      nixosModules = {
        dstate-guest.imports = [ ./vm/nixos/default.nix ];
        # For a machine that something else boots, such as nixpkgs' own test driver.
        dstate-report.imports = [ ./vm/nixos/elsewhere.nix ];
      };

      nixosConfigurations = guests // {
        inherit report musl;
        guest = anyKernel;
      };

      packages.${system} = packages;

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

      devShells.${system}.default = import ./vm/nixos/shell.nix { inherit lib pkgs; };

      # A cell of any repro as a Nix build, and a pin of vm/kernels.json, for flakes that use this one.
      lib = {
        inherit cell pins;
      };

      templates.default = {
        path = ./vm/nixos/template;
        description = "A project with a report of its own, tried in dstate's machines";
      };

      checks.${system} = import ./vm/nixos/checks.nix { inherit cell; } // {
        # The same machine in nixpkgs' own test driver.
        test-driver-linux-6_6_58 = import ./vm/nixos/driver.nix {
          inherit system;
          pin = pins.linux-6_6_58;
        };
      };

      formatter.${system} = pkgs.nixfmt-tree;
    };
}
