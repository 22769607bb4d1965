# Option types: what a value must be, and how several definitions become one. `merge` is given where the option
# is and the definitions that are left after priorities.
{ concatMap, filter }:
let
  inherit (builtins)
    attrNames
    elem
    head
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    listToAttrs
    ;

  wrong =
    place: type: value:
    throw "A definition for option `${place}' is not of type `${type}'. Definition value: ${builtins.toJSON value}";

  single = name: check: {
    inherit name;
    merge =
      place: values:
      if length values > 1 && builtins.any (value: value != head values) values then
        throw "The option `${place}' has conflicting definition values"
      else if check (head values) then
        head values
      else
        wrong place name (head values);
  };

  isPath = value: builtins.isPath value || (isString value && builtins.substring 0 1 value == "/");
  isPackage = value: isAttrs value && (value.type or "") == "derivation";

  # Every name that any of the sets has, each with the values it has in them.
  zip =
    f: sets:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name (concatMap (set: if set ? ${name} then [ set.${name} ] else [ ]) sets);
      }) (concatMap attrNames sets)
    );
in
rec {
  inherit wrong zip;

  bool = single "boolean" isBool;
  int = single "signed integer" isInt;
  str = single "string" isString;
  path = single "path" (value: isPath value || isPackage value);
  package = single "package" isPackage;
  raw = single "raw value" (value: true);
  nullOr =
    inner:
    inner
    // {
      name = "null or ${inner.name}";
      merge = place: values: if head values == null then null else inner.merge place values;
    };
  enum = allowed: single "one of ${builtins.toJSON allowed}" (value: elem value allowed);
  lines = {
    name = "strings concatenated with newlines";
    merge =
      place: values: builtins.concatStringsSep "\n" (map (value: str.merge place [ value ]) values);
  };
  listOf = inner: {
    name = "list of ${inner.name}";
    merge =
      place: values:
      concatMap (
        value:
        if isList value then map (item: inner.merge place [ item ]) value else wrong place "list" value
      ) values;
  };
  attrsOf = inner: {
    name = "attribute set of ${inner.name}";
    merge =
      place: values:
      if !builtins.all isAttrs values then
        wrong place "attribute set" (head (filter (value: !isAttrs value) values))
      else
        zip (name: found: inner.merge "${place}.${name}" (priority found)) values;
  };
  anything = {
    name = "anything";
    merge =
      place: values:
      if isAttrs (head values) && !isPackage (head values) then
        (attrsOf anything).merge place values
      else if isList (head values) then
        builtins.concatLists values
      else
        head values;
  };
  # A set of options of its own, as systemd.services.<name> is.
  fields = options: {
    name = "submodule";
    merge =
      place: values:
      let
        given = zip (name: found: found) values;
        unknown = filter (name: !(options ? ${name})) (attrNames given);
        set = listToAttrs (
          map (name: {
            inherit name;
            value = options.${name}.merge "${place}.${name}" (priority given.${name});
          }) (attrNames given)
        );
      in
      if unknown != [ ] then throw "The option `${place}.${head unknown}' does not exist." else set;
  };

  # Of several definitions those with the strongest priority; conditions that do not hold are none.
  priority =
    values:
    let
      flat = concatMap discharge values;
      strongest = builtins.foldl' (best: found: if found.priority < best then found.priority else best) 9999 flat;
    in
    map (found: found.value) (filter (found: found.priority == strongest) flat);
  discharge =
    value:
    if isAttrs value && (value._type or "") == "if" then
      if value.condition then discharge value.content else [ ]
    else if isAttrs value && (value._type or "") == "override" then
      map (found: found // { inherit (value) priority; }) (discharge value.content)
    else
      [
        {
          inherit value;
          priority = 100;
        }
      ];
}
