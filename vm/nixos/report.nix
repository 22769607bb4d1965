# The virtual machine of the flagship report, as its author had it: no disk, two processors, node 20 with the
# shared libuv of its nixpkgs and io_uring on. It has a network, for `npm ci` fetches what it installs.
{ system, pin }:
pin.source.lib.nixosSystem {
  modules = [
    (
      { config, modulesPath, ... }:
      {
        imports = [
          (modulesPath + "/virtualisation/qemu-vm.nix")
          ./kernel.nix
          ./runtime.nix
          ./view.nix
        ];
        nixpkgs.hostPlatform = system;
        dstate.kernel.pin = removeAttrs pin [ "source" ];
        dstate.runtime.nodejs = "nodejs_20";
        environment.variables.UV_USE_IO_URING = "1";
        networking.hostName = "report";
        system.stateVersion = config.system.nixos.release;
        virtualisation.cores = 2;
        virtualisation.diskImage = null;
        virtualisation.memorySize = 2048;
      }
    )
  ];
}
