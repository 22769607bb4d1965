/**
 * What a JSON text says, for a schema to judge.
 *
 * @returns undefined when it is no JSON.
 * @example schema.safeParse(parseJson(text))
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
