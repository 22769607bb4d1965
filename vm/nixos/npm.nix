# Packages of npm's registry as package-lock.json names them: each under the integrity that the lock file gives it,
# fetched by npm's own client.
{ lib, pkgs }:
let
  lock = builtins.fromJSON (builtins.readFile ../../package-lock.json);
  nameOf = place: lib.last (lib.splitString "node_modules/" place);
in
{
  inherit lock;

  # The tarball of a place in the lock file, such as `node_modules/zod`.
  tarballOf =
    place:
    let
      entry = lock.packages.${place};
    in
    pkgs.runCommand "npm-${lib.replaceStrings [ "@" "/" ] [ "" "-" ] (nameOf place)}-${entry.version}.tgz"
      {
        nativeBuildInputs = [
          pkgs.nodejs_24
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
}
