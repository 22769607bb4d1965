import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import { UsageError } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { timeouts } from "../base/timeouts.ts";

const gib = 1024 ** 3;
/** Room for what a guest writes beside the files: the disk is sparse, only what is used takes the host's. */
const roomToWrite = 1 * gib;
const smallestDisk = 2 * gib;
const largestDisk = 16 * gib;

/** What a folder holds, as far as a disk has to know. */
export interface FolderFacts {
  readonly files: number;
  /** Of the files' contents. */
  readonly bytes: number;
}

/**
 * Look through a folder that is to be copied to a guest.
 *
 * @param path of the folder on this host.
 * @throws {UsageError} when it is no folder, cannot be read, or holds what no copy can stand for: a socket, a
 *   device, a named pipe.
 * @example (await inspectFolder(".")).bytes
 */
export async function inspectFolder(path: string, signal?: AbortSignal): Promise<FolderFacts> {
  const refuse = (cause: unknown): never => {
    throw new UsageError(`the folder ${path} cannot be copied: ${messageFor(cause)}`, {
      next: "Name a folder that exists and that this user may read.",
      cause,
    });
  };
  const top = await lstat(path).catch(refuse);
  if (!top.isDirectory() && !(top.isSymbolicLink() && (await isFolder(path))))
    throw new UsageError(`${path} is not a folder`, { next: "Name the folder that the guest is to find." });
  let files = 0;
  let bytes = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal?.throwIfAborted();
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(refuse)) {
      const place = join(folder, entry.name);
      files += 1;
      if (entry.isDirectory()) folders.push(place);
      else if (entry.isSymbolicLink()) bytes += (await readlink(place).catch(refuse)).length;
      else if (entry.isFile()) bytes += (await lstat(place).catch(refuse)).size;
      else
        throw new UsageError(
          `the folder ${path} cannot be copied: ${place} is a socket, a device or a pipe`,
          {
            next: "Remove it, or copy a folder that does not hold it.",
          },
        );
    }
  }
  return { files, bytes };
}

/**
 * The size of a disk that holds a folder and leaves the guest a gigabyte to write.
 *
 * @returns bytes, a whole number of GiB.
 * @throws {UsageError} when no guest is given a disk that large.
 */
export function diskSizeFor(path: string, facts: FolderFacts): number {
  // A file takes whole blocks of 4 KiB and an inode of 256 bytes.
  const needed = Math.ceil(facts.bytes * 1.05 + facts.files * 4352) + roomToWrite;
  if (needed > largestDisk)
    throw new UsageError(
      `the folder ${path} holds ${formatBytes(facts.bytes)} in ${facts.files} files, and a guest's disk has room for ${formatBytes(largestDisk - roomToWrite)}`,
      { next: "Copy a smaller folder." },
    );
  return Math.max(smallestDisk, Math.ceil(needed / gib) * gib);
}

/**
 * Write a folder as a file system that the guest mounts at /srv/work. Nothing of the folder is changed.
 *
 * @throws {InfraError} when the disk cannot be written.
 */
export async function writeFolderDisk(
  path: string,
  facts: FolderFacts,
  options: { readonly to: string; readonly signal: AbortSignal },
): Promise<void> {
  const size = diskSizeFor(path, facts);
  await command(
    [
      ...["mke2fs", "-q", "-t", "ext4", "-d", path, "-L", "dstate-work", "-m", "0", "-O", "^has_journal"],
      // As many inodes as a disk of this size has by itself, or as the files need.
      ...["-N", `${Math.max(size / 16_384, facts.files + 50_000)}`],
      ...["-E", "root_owner=0:0,lazy_itable_init=1", options.to, `${size / 1024}k`],
    ],
    { within: timeouts.make.workload, signal: options.signal, install: "Install e2fsprogs: `dstate setup`." },
  );
}

async function isFolder(path: string): Promise<boolean> {
  return await readdir(path).then(
    () => true,
    () => false,
  );
}

function messageFor(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") return "it does not exist";
  if (code === "EACCES" || code === "EPERM") return "this user may not read all of it";
  return cause.message;
}
