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
  const head = await read(from, { offset: 0, size: elfHeaderBytes });
  const tables = head && isElf(head) ? readElfTables(head) : undefined;
  if (!tables) return false;
  const programs = await read(from, tables.programs);
  const sections = await read(from, tables.sections);
  if (!programs || !sections) return false;
  const { parts, end } = linkingParts(tables, programs, sections);
  await using copy = await open(to, "w");
  await copy.truncate(end);
  for (const { offset, size } of parts) {
    for (let at = offset; at < offset + size; at += chunkBytes) {
      const chunk = await read(from, { offset: at, size: Math.min(chunkBytes, offset + size - at) });
      if (chunk) await copy.write(chunk, 0, chunk.length, at);
    }
  }
  return true;
}

/** What one command may print is bounded, and base64 makes it longer by a third. */
const chunkBytes = 8 * 1024 * 1024;

const readScript = `set -e
[ -f "$1" ] && [ -r "$1" ]
dd if="$1" bs=64K iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none | base64 -w0`;

async function read({ host, path, signal }: GuestFile, part: Range): Promise<Buffer | undefined> {
  if (part.size === 0) return Buffer.alloc(0);
  const argv = ["sh", "-c", readScript, "sh", path, `${part.offset}`, `${part.size}`];
  const { stdout, exitCode } = await host.exec(argv, {
    within: timeouts.guest.exec,
    signal,
    allowFailure: true,
  });
  return exitCode === 0 ? Buffer.from(stdout, "base64") : undefined;
}
