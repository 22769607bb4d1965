import { posix } from "node:path";
import { command, MissingProgramError } from "../base/command.ts";
import { timeouts } from "../base/timeouts.ts";

/** A line of the source as the debug information names it. */
export interface RawPlace {
  readonly function: string;
  readonly path: string;
  readonly line: number;
}

const install = "Install llvm, or binutils for its addr2line.";

/** Both read addresses from their input and print the same; LLVM's is many times faster on large images. */
const programs = (vmlinux: string): readonly (readonly string[])[] => [
  [
    "llvm-symbolizer",
    "--output-style=GNU",
    "--addresses",
    "--functions",
    "--inlines",
    "--no-demangle",
    `--obj=${vmlinux}`,
  ],
  ["addr2line", "--addresses", "--functions", "--inlines", "--exe", vmlinux],
];

/**
 * Where addresses of a kernel image are in its source, all in one run of the symbolizer.
 *
 * @returns for each address that is known: innermost first, inlined functions before the one they are in.
 * @throws {MissingProgramError} when no symbolizer is installed.
 * @see https://llvm.org/docs/CommandGuide/llvm-symbolizer.html
 * @example (await locate("vmlinux", [0xffffffff81000000n], { signal })).get(0xffffffff81000000n)
 */
export async function locate(
  vmlinux: string,
  addresses: readonly bigint[],
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<bigint, readonly RawPlace[]>> {
  const input = addresses.map((address) => `0x${address.toString(16)}\n`).join("");
  let missing: unknown;
  for (const argv of programs(vmlinux)) {
    try {
      const { stdout } = await command(argv, { within: timeouts.host.symbols, signal, input, install });
      return parsePlaces(stdout);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MissingProgramError)) throw error;
      missing = error;
    }
  }
  throw missing;
}

/**
 * What addr2line printed with `--addresses --functions --inlines`: an address, then two lines for each function.
 *
 * @example parsePlaces("0x10\nfoo\n/src/a.c:7\n").get(16n) // [{ function: "foo", path: "/src/a.c", line: 7 }]
 */
export function parsePlaces(text: string): Map<bigint, RawPlace[]> {
  const places = new Map<bigint, RawPlace[]>();
  let current: RawPlace[] = [];
  let name: string | undefined;
  for (const line of text.split("\n")) {
    if (name === undefined && /^0x[0-9a-f]+$/.test(line)) {
      current = [];
      places.set(BigInt(line), current);
    } else if (line === "") {
      name = undefined;
    } else if (name === undefined) {
      name = line;
    } else {
      const match = /^(.+):(\d+)(?: \(discriminator \d+\))?$/.exec(line);
      if (match?.[1] && match[1] !== "??" && match[2] !== "0" && name !== "??")
        current.push({ function: name, path: posix.normalize(match[1]), line: Number(match[2]) });
      name = undefined;
    }
  }
  return places;
}
