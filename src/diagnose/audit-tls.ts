import { open, readFile } from "node:fs/promises";
import { command } from "../base/command.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { elfHeaderBytes, isElf, linkingParts, readElfTables } from "./elf.ts";
import { mappedObjects, parseTls, readelfOptions, type TlsUse } from "./tls.ts";

/** An object's thread-local storage, with names as its source has them. */
export interface TlsAudit extends TlsUse {
  readonly object: string;
}

/** A file to read, and what to call it where that is not its path. */
export type TlsFile = string | { readonly name: string; readonly file: string };

export interface TlsOptions {
  readonly signal?: AbortSignal | undefined;
}

const install = "Install the Debian package binutils: `dstate setup`.";

/**
 * What ELF files of this host ask of thread-local storage, largest first; those that ask for none are left out.
 *
 * @throws {UsageError} when a file cannot be read, is no ELF file, or ends too early.
 * @throws {InfraError} when readelf is missing.
 * @example (await auditTls(["/usr/lib/x86_64-linux-gnu/libc.so.6"]))[0]?.bytes
 */
export async function auditTls(files: readonly TlsFile[], options: TlsOptions = {}): Promise<TlsAudit[]> {
  const audits: TlsAudit[] = [];
  for (const target of files) {
    const { name, file } = typeof target === "string" ? { name: target, file: target } : target;
    await checkElf(name, file);
    const { stdout } = await command(["readelf", ...readelfOptions, file], {
      within: timeouts.host.files,
      signal: options.signal,
      install,
    });
    const use = parseTls(stdout);
    if (use.model === "none") continue;
    audits.push({ object: name, ...use, symbols: await demangle(use.symbols, options) });
  }
  return audits.sort((a, b) => b.bytes - a.bytes);
}

/**
 * The ELF objects that a process of this host has mapped, seen from its own root: it may be in a container.
 *
 * @throws {UsageError} when there is no such process, or it is somebody else's.
 * @example await auditTls((await processObjects(4242)).objects)
 */
export async function processObjects(
  pid: number,
): Promise<{ readonly objects: readonly TlsFile[]; readonly gone: readonly string[] }> {
  const maps = await readFile(`/proc/${pid}/maps`, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" || error.code === "ESRCH" ? noProcess(pid) : unreadable(pid, error);
  });
  const { present, gone } = mappedObjects(maps);
  if (present.length === 0) throw noObjects(pid);
  const objects: TlsFile[] = [];
  for (const name of present) {
    const file = `/proc/${pid}/root${name}`;
    const head = await readHead(file).catch((error: unknown) => {
      throw unreadable(pid, error);
    });
    if (isElf(head)) objects.push({ name, file });
  }
  return { objects, gone };
}

export function noProcess(pid: number, where = "on this host"): UsageError {
  return new UsageError(`there is no process ${pid} ${where}`, {
    next: "Check the pid: it may have ended.",
  });
}

export function noObjects(pid: number): UsageError {
  return new UsageError(`process ${pid} has no files mapped`, {
    next: "A thread of the kernel has none, nor has a process that is ending.",
  });
}

function unreadable(pid: number, error: unknown): UsageError {
  return new UsageError(`what process ${pid} has mapped cannot be read: ${messageOf(error)}`, {
    next: "It may be another user's: run this as that user or as root.",
    cause: error,
  });
}

async function checkElf(name: string, path: string): Promise<void> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const read = async (offset: number, length: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const head = await read(0, elfHeaderBytes);
    if (!isElf(head)) {
      throw new UsageError(`${name} is no ELF file`, {
        next: "Give a program, a library or an addon (.node).",
      });
    }
    const tables = readElfTables(head);
    const end =
      tables &&
      linkingParts(
        tables,
        await read(tables.programs.offset, tables.programs.size),
        await read(tables.sections.offset, tables.sections.size),
      ).end;
    if (end === undefined || end > size) {
      throw new UsageError(
        `${name} is cut off: it has ${size} bytes and should have ${end === undefined ? "a whole ELF header" : `at least ${end}`}`,
        { next: "Copy or build it again." },
      );
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${name} cannot be read: ${messageOf(error)}`, {
      next: "Give an ELF file, or the pid of a process.",
      cause: error,
    });
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(elfHeaderBytes), 0, elfHeaderBytes, 0);
  return buffer.subarray(0, bytesRead);
}

async function demangle(symbols: TlsUse["symbols"], options: TlsOptions): Promise<TlsUse["symbols"]> {
  if (symbols.length === 0) return symbols;
  const input = `${symbols.map(({ name }) => name).join("\n")}\n`;
  const { stdout } = await command(["c++filt"], {
    within: timeouts.host.files,
    signal: options.signal,
    input,
    install,
  });
  const names = stdout.split("\n");
  return symbols.map((symbol, index) => ({ ...symbol, name: names[index] || symbol.name }));
}
