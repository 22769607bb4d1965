import { UsageError } from "../base/errors.ts";
import type { Finding, Frame, SourcePlace } from "../kernel-log/finding.ts";
import { locate, type RawPlace } from "./locate.ts";
import { linkTo, type SourceTree } from "./source-tree.ts";
import { type KernelSymbol, readSymbols, type SymbolTable, withoutSymbols } from "./symbols.ts";

/** A kernel image with DWARF, and the source it was built from. */
export interface DebugKernel {
  readonly vmlinux: string;
  /** What `uname -r` says in that kernel. */
  readonly release: string;
  readonly tree: SourceTree;
}

/** Findings with the places of their frames, as far as the image is that of their kernel. */
export interface Decoding {
  readonly findings: readonly Finding[];
  /** How many findings have places now. */
  readonly decoded: number;
  /** Why others have none, one sentence for each reason. */
  readonly refused: readonly string[];
}

/** In every kernel, and always in the same file: what stands before that is the folder it was built in. */
const landmark = { name: "start_kernel", file: "init/main.c" } as const;

/**
 * Name the source lines of call chains. A finding of another kernel is left as it is: one that says another
 * release, or has a function of another size. Frames of modules are passed over.
 *
 * @throws {UsageError} when the image has no symbols or no debug information.
 * @throws {InfraError} when no symbolizer is installed.
 * @example const { findings } = await decodeFindings(found, kernel, { signal });
 */
export async function decodeFindings(
  findings: readonly Finding[],
  kernel: DebugKernel,
  { signal }: { signal: AbortSignal },
): Promise<Decoding> {
  const { vmlinux, release } = kernel;
  const refused = new Set<string>();
  const wanted = findings.filter((finding) => {
    if (finding.kernel === undefined || finding.kernel === release) return true;
    refused.add(`it is Linux ${release}, and the log is of Linux ${finding.kernel}`);
    return false;
  });
  if (wanted.length === 0) return { findings, decoded: 0, refused: [...refused] };
  const names = new Set([
    landmark.name,
    ...wanted.flatMap(({ frames }) => frames.filter(isInImage).map((frame) => frame.function)),
  ]);
  const symbols = await readSymbols(vmlinux, names, { signal });
  const addresses = new Map<Frame, bigint>();
  const fitting = new Set<Finding>();
  for (const finding of wanted) {
    const found = addressesOf(finding, symbols);
    if (typeof found === "string") {
      refused.add(found);
      continue;
    }
    for (const [frame, address] of found) addresses.set(frame, address);
    if (found.size > 0) fitting.add(finding);
  }
  const start = symbols.get(landmark.name)?.[0]?.address;
  if (start === undefined) throw withoutSymbols(vmlinux);
  const places = await locate(vmlinux, [...new Set([start, ...addresses.values()])], { signal });
  const home = homeOf(places.get(start));
  if (home === undefined) {
    throw new UsageError(`${vmlinux} has no debug information`, {
      next: "Build it with CONFIG_DEBUG_INFO, as `dstate kernels build VERSION --debug-info` does.",
    });
  }
  const place = (frame: Frame): Frame => {
    const address = addresses.get(frame);
    const raw = address === undefined ? undefined : places.get(address);
    return raw?.length ? { ...frame, places: placesOf(raw, home, kernel.tree) } : frame;
  };
  return {
    findings: findings.map((finding) =>
      fitting.has(finding) ? { ...finding, frames: finding.frames.map(place) } : finding,
    ),
    decoded: fitting.size,
    refused: [...refused],
  };
}

function isInImage(frame: Frame): boolean {
  return frame.module === undefined && frame.offset !== undefined;
}

/** The addresses of a finding's frames; a sentence when it is of another kernel. */
function addressesOf(finding: Finding, symbols: SymbolTable): Map<Frame, bigint> | string {
  const addresses = new Map<Frame, bigint>();
  for (const frame of finding.frames) {
    const { offset, size } = frame;
    const named = isInImage(frame) ? symbols.get(frame.function) : undefined;
    if (!named || offset === undefined || size === undefined) continue;
    const [symbol, another] = named.filter(({ sizes }) => sizes.includes(size));
    if (!symbol) return differs(frame.function, size, named);
    // Two of the same name and size cannot be told apart.
    if (another || offset > size) continue;
    // A call returns behind itself; what is to be shown is the call.
    addresses.set(frame, symbol.address + BigInt(frame.instruction ? offset : Math.max(offset - 1, 0)));
  }
  return addresses;
}

function differs(name: string, size: number, found: readonly KernelSymbol[]): string {
  const sizes = found.map((symbol) => symbol.sizes.map((size) => `0x${size.toString(16)}`).join(" or "));
  return `${name} is 0x${size.toString(16)} bytes long in the log, and ${sizes.join(" or ")} in it`;
}

function homeOf(places: readonly RawPlace[] | undefined): string | undefined {
  const path = places?.at(-1)?.path;
  return path?.endsWith(landmark.file) ? path.slice(0, -landmark.file.length) : undefined;
}

function placesOf(raw: readonly RawPlace[], home: string, tree: SourceTree): SourcePlace[] {
  return raw.map(({ function: name, path, line }, index) => {
    const inside = path.startsWith(home);
    const file = inside ? path.slice(home.length) : path;
    const link = inside ? linkTo(tree, file, line) : undefined;
    return {
      function: name,
      file,
      line,
      inlined: index < raw.length - 1,
      ...(link === undefined ? {} : { link }),
    };
  });
}
