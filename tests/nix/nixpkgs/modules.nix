# A small module system: imports, options, conditions, priorities, merging by type, and the refusal of options
# that nobody declared.
{
  lib,
  pkgs,
  modules,
  modulesPath,
  declared,
}:
let
  inherit (lib) types concatMap;
  inherit (builtins) attrNames isAttrs isFunction listToAttrs;

  arguments = {
    inherit
      config
      lib
      modulesPath
      options
      pkgs
      ;
  };

  load =
    module:
    let
      value = if builtins.isPath module || builtins.isString module then import module else module;
      body = if isFunction value then value arguments else value;
      structured = body ? config || body ? options;
    in
    [
      {
        options = body.options or { };
        config = if structured then body.config or { } else removeAttrs body [ "imports" ];
      }
    ]
    ++ concatMap load (body.imports or [ ]);
  loaded = concatMap load modules;

  isOption = value: isAttrs value && (value._type or "") == "option";
  options = builtins.foldl' join declared (map (module: module.options) loaded);
  join =
    left: right:
    left
    // listToAttrs (
      map (name: {
        inherit name;
        value = if left ? ${name} && !isOption left.${name} then join left.${name} right.${name} else right.${name};
      }) (attrNames right)
    );

  # A condition on a whole set is a condition on each of its values: its names are known without it.
  pushDown =
    value:
    if (value._type or "") == "if" then
      builtins.mapAttrs (name: content: lib.mkIf value.condition content) (pushDown value.content)
    else
      value;

  # Walk the options and the definitions for them side by side.
  evaluate =
    place: tree: definitions:
    builtins.mapAttrs (
      name: option:
      let
        values = types.priority (inside definitions name);
        value =
          if values != [ ] then
            option.type.merge (at place name) values
          else
            option.default or (throw "The option `${at place name}' is used but not defined.");
      in
      if isOption option then
        (option.apply or (same: same)) value
      else
        evaluate (at place name) option (inside definitions name)
    ) tree;

  # Nobody may define what nobody declared, used or not.
  check =
    place: tree: definitions:
    let
      unknown = builtins.filter (name: !(tree ? ${name})) (concatMap (value: attrNames (pushDown value)) definitions);
      deeper = builtins.filter (name: !isOption tree.${name}) (attrNames tree);
    in
    if unknown != [ ] then
      throw "The option `${at place (builtins.head unknown)}' does not exist."
    else
      builtins.all (name: check (at place name) tree.${name} (inside definitions name)) deeper;

  at = place: name: if place == "" then name else "${place}.${name}";
  inside =
    definitions: name:
    concatMap (value: lib.optional (value ? ${name}) value.${name}) (map pushDown definitions);

  definitions = map (module: module.config) loaded;
  config = evaluate "" options definitions;
in
{
  inherit options pkgs;
  config = assert check "" options definitions; config;
}
