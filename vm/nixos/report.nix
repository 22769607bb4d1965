# The virtual machine of the flagship report, as its author had it: no disk, four processors, node 22 with the shared
# libuv of its nixpkgs, in which io_uring is on by itself, and the console in the terminal. One thing differs: the root
# file system is in memory and `npm ci` fills it, so there are 2 GiB of it and not 1.
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
        dstate.runtime.nodejs = "nodejs_22";
        networking.hostName = "report";
        system.stateVersion = config.system.nixos.release;
        virtualisation.cores = 4;
        virtualisation.diskImage = null;
        # No window: the console is ttyS0, here and over ssh. Ctrl-a x ends the machine.
        virtualisation.graphics = false;
        virtualisation.memorySize = 2048;
      }
    )
  ];
}
