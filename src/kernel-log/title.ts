/**
 * Fill a format's title. `{name}` is replaced with its value; a part in square brackets is left out when one of its
 * names has none; of parts divided by `|`, the first whose names all have values is taken.
 *
 * @example fillTitle("WARNING[: {flavour}][ in {fn}]", { fn: "foo" }) // "WARNING in foo"
 */
export function fillTitle(template: string, values: Readonly<Record<string, string>>): string {
  const has = (part: string): boolean =>
    [...part.matchAll(/\{(\w+)\}/g)].every((match) => values[match[1] ?? ""] !== undefined);
  const alternatives = template
    .split("|")
    .map((text) => text.replace(/\[([^[\]]*)\]/g, (_, part: string) => (has(part) ? part : "")));
  const chosen = alternatives.find(has) ?? alternatives.at(-1) ?? "";
  return chosen.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "").trim();
}
