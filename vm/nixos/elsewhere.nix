# What of the report a machine can have that something else boots: qemu-vm.nix for `nix run`, or nixpkgs' own test
# driver. A pin's kernel, node with its shared libuv, and a kernel that says within seconds that it hangs.
{
  imports = [
    ./diagnostics.nix
    ./kernel.nix
    ./runtime.nix
  ];
}
