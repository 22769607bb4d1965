# A release of libuv from its own repository. The commit is the content's name: there is no other hash to get
# wrong.
{
  lib,
  libuv,
  version,
}:
let
  revisions = builtins.fromJSON (builtins.readFile ./libuv.json);
  known = lib.concatStringsSep ", " (builtins.attrNames revisions);
in
libuv.overrideAttrs (_: {
  version =
    if revisions ? ${version} then
      version
    else
      throw "vm/nixos/libuv.json has no libuv ${version}; it has ${known}";
  src = builtins.fetchGit {
    url = "https://github.com/libuv/libuv";
    ref = "refs/tags/v${version}";
    rev = revisions.${version};
  };
  patches = [ ];
  # Its tests want a network, and nixpkgs' list of those to leave out is for its own release.
  doCheck = false;
})
