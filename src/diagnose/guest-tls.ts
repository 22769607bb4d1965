import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { auditTls, noObjects, noProcess, type TlsAudit, type TlsFile, type TlsOptions } from "./audit-tls.ts";
import { elfHeaderBytes, isElf, linkingParts, type Range, readElfTables } from "./elf.ts";
import type { GuestHost } from "./guest-host.ts";
import { mappedObjects } from "./tls.ts";

export interface GuestTlsOptions extends TlsOptions {
  /** Files of the guest that this host has as well, by their path in the guest: they are not copied. */
  readonly known?: Readonly<Record<string, string>>;
}

/**
 * What a process in a guest asks of thread-local storage: every object that it has mapped, largest first.
 *
 * @throws {UsageError} when there is no such process in the guest.
 * @example (await guestProcessTls(vm.guest, job.pid))[0]?.symbols
 */
export async function guestProcessTls(
  host: GuestHost,
  pid: number,
  options: GuestTlsOptions = {},
): Promise<TlsAudit[]> {
  const maps = await host.exec(["cat", `/proc/${pid}/maps`], {
    within: timeouts.guest.exec,
    signal: options.signal,
    allowFailure: true,
  });
  if (maps.exitCode !== 0) throw noProcess(pid, "in the guest");
  const { present } = mappedObjects(maps.stdout);
  if (present.length === 0) throw noObjects(pid);
  return await guestFilesTls(host, present, { ...options, root: `/proc/${pid}/root`, others: "skip" });
}

/**
 * What files of a guest ask of thread-local storage, largest first. The guest needs no binutils: the parts that
 * matter are copied to this host and read here.
 *
 * @throws {UsageError} when one cannot be read or is no ELF file; with `others: "skip"` it is left out instead.
 * @example await guestFilesTls(vm.guest, ["/srv/work/addon.node"])
 */
export async function guestFilesTls(
  host: GuestHost,
  paths: readonly string[],
  options: GuestTlsOptions & { readonly root?: string; readonly others?: "skip" | "refuse" } = {},
): Promise<TlsAudit[]> {
  const { signal, root = "", known = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), "dstate-tls-"));
  try {
    const files: TlsFile[] = [];
    // A memory map has no links in it; the paths that people write may have.
    const names = root === "" ? await withoutLinks(host, paths, signal) : paths;
    for (const name of new Set(names)) {
      const here = known[name];
      const copy = join(folder, `${files.length}`);
      if (here !== undefined) files.push({ name, file: here });
      else if (await copyParts({ host, path: `${root}${name}`, signal }, copy))
        files.push({ name, file: copy });
      else if (options.others !== "skip") {
        throw new UsageError(`${name} in the guest cannot be read, or is no ELF file`, {
          next: "Give a program, a library or an addon (.node), by its path in the guest.",
        });
      }
    }
    return await auditTls(files, { signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withoutLinks(
  host: GuestHost,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const script = 'for path; do readlink -f -- "$path" || echo; done';
  const { stdout } = await host.exec(["sh", "-c", script, "sh", ...paths], {
    within: timeouts.guest.exec,
    signal,
  });
  const found = stdout.split("\n");
  // What is not there is told under the name it was asked for.
  return paths.map((path, index) => found[index] || path);
}

interface GuestFile {
  readonly host: GuestHost;
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
}

/** Copy the parts of an ELF file that readelf needs; the rest is holes. @returns false: it is no ELF file. */
async function copyParts(from: GuestFile, to: string): Promise<boolean> {
  const [head] = (await read(from, [{ offset: 0, size: elfHeaderBytes }])) ?? [];
  const tables = head && isElf(head) ? readElfTables(head) : undefined;
  if (!tables) return false;
  const [programs, sections] = (await read(from, [tables.programs, tables.sections])) ?? [];
  if (!programs || !sections) return false;
  const { parts, end } = linkingParts(tables, programs, sections);
  await using copy = await open(to, "w");
  await copy.truncate(end);
  for (const batch of batches(parts)) {
    const chunks = (await read(from, batch)) ?? [];
    for (const [index, chunk] of chunks.entries())
      await copy.write(chunk, 0, chunk.length, batch[index]?.offset);
  }
  return true;
}

/** What one command may print is bounded, and base64 makes it longer by a third. */
const commandBytes = 8 * 1024 * 1024;
/** A command line has an end, too. */
const commandParts = 100;
/** No object has a table this large; a file that says so is not believed. */
const partBytes = 32 * commandBytes;

/** Parts, in pieces, as one command after the other takes them: on a slow guest each command is a second. */
function batches(parts: readonly Range[]): Range[][] {
  const all: Range[][] = [];
  let room = 0;
  for (const part of parts) {
    const end = part.offset + Math.min(part.size, partBytes);
    for (let at = part.offset; at < end; at += commandBytes) {
      const piece = { offset: at, size: Math.min(commandBytes, end - at) };
      if (piece.size > room || all.at(-1)?.length === commandParts) {
        all.push([]);
        room = commandBytes;
      }
      all.at(-1)?.push(piece);
      room -= piece.size;
    }
  }
  return all;
}

const readScript = `set -e
path=$1
shift
[ -f "$path" ] && [ -r "$path" ]
while [ $# -gt 0 ]; do
  dd if="$path" bs=64K iflag=skip_bytes,count_bytes skip="$1" count="$2" status=none | base64 -w0
  echo
  shift 2
done`;

/** Read parts of a file with one command. @returns the bytes of each; undefined: it cannot be read. */
async function read(
  { host, path, signal }: GuestFile,
  parts: readonly Range[],
): Promise<Buffer[] | undefined> {
  const numbers = parts.flatMap(({ offset, size }) => [`${offset}`, `${size}`]);
  const { stdout, exitCode } = await host.exec(["sh", "-c", readScript, "sh", path, ...numbers], {
    within: timeouts.guest.exec,
    signal,
    allowFailure: true,
  });
  if (exitCode !== 0) return undefined;
  const lines = stdout.split("\n");
  return parts.map((_, index) => Buffer.from(lines[index] ?? "", "base64"));
}
