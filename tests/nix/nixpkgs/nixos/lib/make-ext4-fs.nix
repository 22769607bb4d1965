# The arguments of nixpkgs' own file of this name.
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
