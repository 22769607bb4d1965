# The guest contract on NixOS: what vm/debian gives on Debian, see tests/vm/guest-contract.test.ts.
{
  imports = [
    ./console.nix
    ./diagnostics.nix
    ./image.nix
    ./kernel.nix
    ./lean.nix
    ./runtime.nix
    ./seed.nix
    ./ssh.nix
  ];
}
