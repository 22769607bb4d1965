import { command } from "../base/command.ts";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";

/** A function of a kernel image. */
export interface KernelSymbol {
  readonly address: bigint;
  /** What a call trace may print behind the slash. */
  readonly sizes: readonly number[];
}

/** Functions by name; several can have the same one. */
export type SymbolTable = ReadonlyMap<string, readonly KernelSymbol[]>;

const install = "Install binutils.";

/** What the compiler puts in front of functions; kallsyms of most versions does not know it. */
const padding = /^(?:__pfx_|__cfi_)/;

/**
 * The functions of these names in a kernel image.
 *
 * @throws {UsageError} when the file is no ELF image with symbols.
 * @example (await readSymbols("vmlinux", new Set(["schedule"]), { signal })).get("schedule")
 */
export async function readSymbols(
  vmlinux: string,
  names: ReadonlySet<string>,
  { signal }: { signal: AbortSignal },
): Promise<SymbolTable> {
  try {
    const argv = ["nm", "--numeric-sort", "--format=posix", "--defined-only", "--", vmlinux];
    const { stdout } = await command(argv, { within: timeouts.host.symbols, signal, install });
    return parseSymbols(stdout, names);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error) || !/file format not recognized|no symbols|truncated/.test(error.message))
      throw error;
    throw withoutSymbols(vmlinux, error);
  }
}

/**
 * Where the symbols of a kernel image are: functions and data, each name with every place that has it.
 *
 * @throws {UsageError} when the file is no ELF image with symbols.
 * @example (await readPlaces("vmlinux", { signal })).get("jiffies_64")?.[0]?.address
 */
export async function readPlaces(
  vmlinux: string,
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<string, readonly SymbolPlace[]>> {
  const places = new Map<string, SymbolPlace[]>();
  const argv = ["nm", "--format=posix", "--defined-only", "--", vmlinux];
  const { stdout } = await command(argv, { within: timeouts.host.symbols, signal, install }).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof Error) || !/file format not recognized|no symbols|truncated/.test(error.message))
        throw error;
      throw withoutSymbols(vmlinux, error);
    },
  );
  for (const [, name = "", type = "", hex] of stdout.matchAll(/^(\S+) ([A-Za-z]) ([0-9a-f]+)/gm)) {
    const place = { address: BigInt(`0x${hex}`), isFunction: /[tTwW]/.test(type) };
    const alike = places.get(name);
    if (alike) alike.push(place);
    else places.set(name, [place]);
  }
  if (places.size === 0) throw withoutSymbols(vmlinux);
  return places;
}

/** Where a symbol is. */
export interface SymbolPlace {
  readonly address: bigint;
  readonly isFunction: boolean;
}

/** What to say of a file that names no functions. */
export function withoutSymbols(vmlinux: string, cause?: unknown): UsageError {
  return new UsageError(`${vmlinux} is no kernel image with symbols`, {
    next: "Name the vmlinux of a build, neither stripped nor packed into a bzImage.",
    cause,
  });
}

/**
 * What `nm --numeric-sort --format=posix` printed, as a table of the functions asked for.
 *
 * The size that a call trace prints is not the one of the ELF symbol: kallsyms takes the distance to the next
 * symbol, padding included. Which symbols it knows differs between versions, so every distance counts that one of
 * them can have come to.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/kallsyms.c (kallsyms_lookup_size_offset)
 */
export function parseSymbols(text: string, names: ReadonlySet<string>): SymbolTable {
  const table = new Map<string, KernelSymbol[]>();
  const waiting: { at: bigint; sizes: Set<number> }[] = [];
  for (const line of text.split("\n")) {
    const match = /^(\S+) ([A-Za-z]) ([0-9a-f]+)(?: ([0-9a-f]+))?/.exec(line);
    if (!match) continue;
    const [, name = "", type = "", hex = "", size] = match;
    const address = BigInt(`0x${hex}`);
    for (const before of waiting.splice(0)) {
      if (address > before.at) before.sizes.add(Number(address - before.at));
      if (address === before.at || padding.test(name)) waiting.push(before);
    }
    if (!/[tTwW]/.test(type) || !names.has(name)) continue;
    const sizes = new Set(size === undefined ? [] : [Number.parseInt(size, 16)]);
    waiting.push({ at: address, sizes });
    const alike = table.get(name) ?? [];
    table.set(name, alike);
    // The set fills up as the next symbols are read.
    alike.push({
      address,
      get sizes() {
        return [...sizes];
      },
    });
  }
  return table;
}
