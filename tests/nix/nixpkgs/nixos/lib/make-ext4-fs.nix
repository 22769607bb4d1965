# The arguments of nixpkgs' own file of this name. What is in the image's root is what they say, and /nix/store.
{
  e2fsprogs,
  storePaths,
  volumeLabel,
  populateImageCommands ? "",
}:
derivation {
  name = "ext4-fs.img";
  system = "x86_64-linux";
  builder = "/bin/sh";
  inherit
    e2fsprogs
    storePaths
    volumeLabel
    populateImageCommands
    ;
}
// {
  inherit storePaths populateImageCommands;
}
