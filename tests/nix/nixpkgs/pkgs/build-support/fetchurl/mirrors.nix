# The list that nixpkgs has in the file of this name, as far as dstate reads it.
{
  debian = [ "https://mirror.test/debian/" ];
}
