# The functions of nixpkgs' lib that dstate uses, by the same names. What is not here does not exist for it.
let
  inherit (builtins)
    attrNames
    concatStringsSep
    elemAt
    filter
    genList
    isList
    length
    listToAttrs
    mapAttrs
    stringLength
    substring
    ;
  pair = name: value: { inherit name value; };
in
rec {
  inherit (builtins)
    any
    concatMap
    concatStringsSep
    filter
    head
    mapAttrs
    replaceStrings
    splitVersion
    ;

  last = list: elemAt list (length list - 1);
  take = count: list: genList (elemAt list) (if count < length list then count else length list);
  optional = condition: value: if condition then [ value ] else [ ];
  optionalString = condition: text: if condition then text else "";
  optionalAttrs = condition: set: if condition then set else { };
  genAttrs = names: f: listToAttrs (map (name: pair name (f name)) names);
  concatStrings = concatStringsSep "";
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      start = stringLength text - stringLength suffix;
    in
    start >= 0 && substring start (-1) text == suffix;
  removePrefix =
    prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  splitString =
    separator: text:
    filter (part: !isList part) (
      builtins.split (replaceStrings [ "/" "." ] [ "/" "\\." ] separator) text
    );
  escapeShellArg = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
  escapeShellArgs = list: concatStringsSep " " (map escapeShellArg list);

  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
  filterAttrs =
    keep: set:
    listToAttrs (map (name: pair name set.${name}) (filter (name: keep name set.${name}) (attrNames set)));

  makeSearchPath = part: packages: concatStringsSep ":" (map (package: "${package}/${part}") packages);
  getDev = package: package.dev or package;
  getBin = package: package.bin or package;
  getLib = package: package.lib or package;
  makeBinPath = makeSearchPath "bin";
  makeLibraryPath = makeSearchPath "lib";
  fetchers.proxyImpureEnvVars = [ "https_proxy" ];

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkForce = mkOverride 50;
  mkDefault = mkOverride 1000;
  mkOption = option: option // { _type = "option"; };

  types = import ./types.nix { inherit concatMap filter; };
}
