/** A kernel's functions by address: what its System.map says. */
export interface SymbolTable {
  /** Sorted; `names` has the name for each. */
  readonly addresses: BigUint64Array;
  readonly names: readonly string[];
  /** The first address that is no code any more. */
  readonly end: bigint;
}

/**
 * Read a System.map: lines of an address, a type and a name. Only code is kept.
 *
 * @see https://man7.org/linux/man-pages/man1/nm.1.html
 * @example symbolAt(parseSystemMap(text), 0xffffffff810002d3n) // "__schedule+0x12"
 */
export function parseSystemMap(text: string): SymbolTable {
  const entries: [bigint, string][] = [];
  let end = 0n;
  for (const match of text.matchAll(/^([0-9a-f]{16}) ([tTwW]) (\S+)$/gm)) {
    const address = BigInt(`0x${match[1]}`);
    if (match[3] === "_etext") end = address;
    // The linker's own marks stand at the address of a section's first function.
    else if (!/_text_(?:start|end)$/.test(match[3] ?? "")) entries.push([address, match[3] ?? ""]);
  }
  // A stable sort: of several names at one address, the first stays first.
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const last = entries.at(-1)?.[0] ?? 0n;
  return {
    addresses: BigUint64Array.from(entries, ([address]) => address),
    names: entries.map(([, name]) => name),
    end: end === 0n ? last + 1n : end,
  };
}

/**
 * The function that an address is in, as the kernel writes it.
 *
 * @returns undefined for an address outside the kernel's code.
 */
export function symbolAt(table: SymbolTable, address: bigint): string | undefined {
  if (address >= table.end || address < (table.addresses[0] ?? table.end)) return undefined;
  let low = 0;
  let high = table.addresses.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((table.addresses[middle] ?? 0n) <= address) low = middle;
    else high = middle - 1;
  }
  const start = table.addresses[low] ?? 0n;
  while (low > 0 && table.addresses[low - 1] === start) low -= 1;
  return `${table.names[low]}+0x${(address - start).toString(16)}`;
}

/**
 * Words of a stack that point into the kernel's code, innermost first. Some are left over from earlier calls, so
 * they are a guess, as the frames that the kernel itself prints with a question mark.
 */
export function possibleFrames(table: SymbolTable, stack: Buffer, limit = 24): string[] {
  const frames: string[] = [];
  for (let at = 0; at + 8 <= stack.length && frames.length < limit; at += 8) {
    const name = symbolAt(table, stack.readBigUInt64LE(at));
    // An offset of 0 is a pointer to a function, not a place that a call returns to.
    if (name !== undefined && !name.endsWith("+0x0")) frames.push(name);
  }
  return frames;
}
