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
 * The ELF objects in a process' memory map, each once, in its order.
 *
 * @param maps the text of /proc/PID/maps.
 * @example mappedObjects(maps) // ["/usr/bin/node", "/usr/lib/x86_64-linux-gnu/libc.so.6"]
 */
export function mappedObjects(maps: string): string[] {
  const paths = maps.split("\n").flatMap((line) => {
    const match = /^[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ \d+ +(\/.*)$/.exec(line);
    const path = match?.[1];
    return path === undefined || path.endsWith(" (deleted)") || path.startsWith("/dev/") ? [] : [path];
  });
  return [...new Set(paths)];
}
