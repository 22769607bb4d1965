/**
 * Functions of one source file. Names are written without the underscores in front; one that ends in `*` stands for
 * all that begin with it, and a `*` elsewhere for any letters. `what` says what they wait for, where that is known.
 */
export type NamesOf = readonly [file: string, names: string, what?: string];

/** Whether a function's name is one of many. */
export type NameTest = (name: string) => boolean;

/**
 * A test for the names of tables.
 *
 * @example oneOf([["kernel/sched/core.c", "schedule schedule_*"]])("__schedule") // true
 */
export function oneOf(...tables: readonly (readonly NamesOf[])[]): NameTest {
  const exact = new Set<string>();
  const beginnings = new Set<string>();
  const patterns: RegExp[] = [];
  for (const [, names] of tables.flat()) {
    for (const name of names.split(" ")) {
      const star = name.indexOf("*");
      if (star < 0) exact.add(name);
      else if (star === name.length - 1) beginnings.add(name.slice(0, star));
      else patterns.push(new RegExp(`^${name.replaceAll("*", "[a-z]*")}`));
    }
  }
  const lengths = [...new Set([...beginnings].map(({ length }) => length))].sort((a, b) => a - b);
  return (name) => {
    const plain = name.replace(/^_+/, "");
    if (exact.has(plain)) return true;
    for (const length of lengths) {
      if (length > plain.length) break;
      if (beginnings.has(plain.slice(0, length))) return true;
    }
    return patterns.some((pattern) => pattern.test(plain));
  };
}

/** A function of a table, and what is known of it. */
export interface KnownFunction {
  readonly file: string;
  readonly what?: string;
}

/**
 * A look-up of what tables know about a function.
 *
 * @example lookup(waiting)("__wait_for_common") // { file: "kernel/sched/completion.c", what: "a completion" }
 */
export function lookup(
  ...tables: readonly (readonly NamesOf[])[]
): (name: string) => KnownFunction | undefined {
  const rows = tables.flat().map((row) => ({ row, test: oneOf([row]) }));
  return (name) => {
    const found = rows.find(({ test }) => test(name));
    if (!found) return undefined;
    const [file, , what] = found.row;
    return { file, ...(what === undefined ? {} : { what }) };
  };
}

/** Names that are remembered: call chains of one log hold the same ones again and again. */
const mostRemembered = 4096;
const longestRemembered = 64;

/**
 * The same test, with answers that were given before at hand.
 *
 * @example remembering(oneOf(waiting))
 */
export function remembering(test: NameTest): NameTest {
  const known = new Map<string, boolean>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const answer = test(name);
    if (name.length <= longestRemembered) {
      if (known.size >= mostRemembered) known.clear();
      // A copy: a piece of a log's line would keep all of the line in memory.
      known.set(Buffer.from(name).toString(), answer);
    }
    return answer;
  };
}
