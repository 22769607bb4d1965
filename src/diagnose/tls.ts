import { callsNamed, type TraceEvent } from "./trace.ts";

/** A thread-local variable of an object. */
export interface TlsSymbol {
  /** As the linker has it; demangle it for people. */
  readonly name: string;
  readonly bytes: number;
}

/** What an ELF object asks of the thread-local storage of every thread. */
export interface TlsUse {
  /** PT_TLS's size in memory, bytes; 0: none. */
  readonly bytes: number;
  /** PT_TLS's alignment, bytes. */
  readonly align: number;
  /**
   * `static`: the object says DF_STATIC_TLS, so its block must have a fixed place beside the program's own, and
   * dlopen fails when there is no room. `program`: it is that program. `dynamic`: a place is made on first use,
   * unless it is there from the start. `none`: no thread-locals.
   */
  readonly model: "static" | "program" | "dynamic" | "none";
  /** Largest first. Empty where the object was stripped of them. */
  readonly symbols: readonly TlsSymbol[];
}

/** The options of readelf whose output {@link parseTls} reads. @see https://sourceware.org/binutils/docs/binutils/readelf.html */
export const readelfOptions: readonly string[] = ["--wide", "--program-headers", "--dynamic", "--symbols"];

/**
 * Read what readelf says about an object's thread-local storage.
 *
 * @param text the output of `readelf` with {@link readelfOptions}.
 * @see https://www.akkadia.org/drepper/tls.pdf
 * @example parseTls(stdout).model // "static"
 */
export function parseTls(text: string): TlsUse {
  // Type Offset VirtAddr PhysAddr FileSiz MemSiz Flg Align
  const header = /^ *TLS +(?:0x[0-9a-f]+ +){4}0x([0-9a-f]+) +[RWE ]+? +0x([0-9a-f]+)/m.exec(text);
  const bytes = Number.parseInt(header?.[1] ?? "0", 16);
  const align = Number.parseInt(header?.[2] ?? "0", 16);
  // The C library can be started too, but is loaded as a library: its flag comes first.
  const program = /^ *INTERP +0x/m.test(text);
  const flagged = /\(FLAGS\).*\bSTATIC_TLS\b/.test(text);
  const symbols = new Map<string, TlsSymbol>();
  for (const line of text.split("\n")) {
    // Num: Value Size Type Bind Vis Ndx Name; large sizes are written in hexadecimal.
    const match = /^ *\d+: ([0-9a-f]+) +(0x[0-9a-f]+|\d+) +TLS +\w+ +\w+ +(?:\[[^\]]*\] +)?(\w+) +(\S+)/.exec(
      line,
    );
    const [, at, size, section, name] = match ?? [];
    if (at === undefined || size === undefined || name === undefined || section === "UND") continue;
    // The dynamic and the full table repeat each other, the former with a version after the name.
    const bare = name.replace(/@.*$/, "");
    if (Number(size) > 0) symbols.set(`${at} ${bare}`, { name: bare, bytes: Number(size) });
  }
  return {
    bytes,
    align,
    model: bytes === 0 ? "none" : flagged ? "static" : program ? "program" : "dynamic",
    symbols: [...symbols.values()].sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)),
  };
}

/**
 * The files in a process' memory map, each once, in its order.
 *
 * @param maps the text of /proc/PID/maps.
 * @returns those that are there, and those that are mapped still but were deleted or replaced.
 * @example mappedObjects(maps).present // ["/usr/bin/node", "/usr/lib/x86_64-linux-gnu/libc.so.6"]
 */
export function mappedObjects(maps: string): {
  readonly present: readonly string[];
  readonly gone: readonly string[];
} {
  const paths = maps.split("\n").flatMap((line) => {
    const path = /^[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ \d+ +(\/.*)$/.exec(line)?.[1];
    return path === undefined || /^\/(dev|memfd:)/.test(path) ? [] : [path];
  });
  const ended = " (deleted)";
  const [gone, present] = [true, false].map((deleted) => [
    ...new Set(paths.filter((path) => path.endsWith(ended) === deleted)),
  ]);
  return { present: present ?? [], gone: (gone ?? []).map((path) => path.slice(0, -ended.length)) };
}

/** The system calls whose trace {@link tracedObjects} reads; it wants paths shown. */
export const mappingCalls: readonly string[] = ["execve", "mmap"];

/**
 * The files that traced processes mapped, each once, in their order: also those that the loader then gave back,
 * because they did not fit.
 *
 * @param events of {@link mappingCalls}, with the paths of descriptors.
 */
export function tracedObjects(events: readonly TraceEvent[]): string[] {
  const paths = callsNamed(events, ...mappingCalls).flatMap(({ call, args, errno }) => {
    if (errno !== undefined) return [];
    // mmap's last two arguments are the descriptor and the offset.
    const path = (call === "execve" ? /^"(\/[^"]*)"/ : / \d+<(\/.*)>, (?:0x)?[0-9a-f]+$/).exec(args)?.[1];
    return path === undefined || path.startsWith("/dev/") ? [] : [path];
  });
  return [...new Set(paths)];
}
