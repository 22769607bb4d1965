# Which kernel each line of this nixpkgs is at. Tests write other numbers here.
{
  linuxPackages_6_6 = "6.6.58";
  linuxPackages_6_12 = "6.12.60";
}
