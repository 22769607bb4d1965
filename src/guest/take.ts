import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { parseTar } from "nanotar";
import type { Within } from "../base/deadline.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { timeouts } from "../base/timeouts.ts";
import type { Guest } from "./guest.ts";

/** More than this is not brought into this process' memory. */
const mostBytes = 512 * 1024 ** 2;

/**
 * Bring files and folders of a guest to the host. What a guest packs is no friend's: only plain files and folders
 * are written, and only below `to`.
 *
 * @param names relative to `from`; one that is missing is passed over.
 * @returns the paths that were written, relative to `to`.
 * @throws {UsageError} when a name leads out of `from`.
 * @throws {InfraError} when the guest does not answer, or answers with more than 512 MiB or with a name that leads
 *   out of `to` or was not asked for.
 * @example await takeFiles(vm.guest, ["junit.xml", "coverage"], { from: "/srv/work", to: "results" })
 */
export async function takeFiles(
  guest: Guest,
  names: readonly string[],
  options: {
    readonly from: string;
    readonly to: string;
    readonly within?: Within | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string[]> {
  for (const name of names) checkName(name);
  const chunks: Buffer[] = [];
  let size = 0;
  const flood = Promise.withResolvers<never>();
  const within = options.within ?? timeouts.guest.results;
  const archive = await guest.machine.race(
    "the results from the guest",
    { within, signal: options.signal },
    async (signal) => {
      const script =
        'for name do if [ -e "$name" ]; then printf "%s\\0" "$name"; fi; done | tar -cf - --null -T -';
      const job = await guest.spawn(["sh", "-c", script, "sh", ...names], {
        cwd: options.from,
        signal,
        onBytes: (stream, bytes) => {
          if (stream !== "stdout") return;
          size += bytes.length;
          if (size > mostBytes)
            flood.reject(new InfraError(`the results are larger than ${formatBytes(mostBytes)}`));
          else chunks.push(bytes);
        },
      });
      try {
        const exit = await Promise.race([job.exited, flood.promise]);
        if (exit.exitCode !== 0)
          throw new InfraError(`the guest could not pack the results: ${job.stderr.text.trim().slice(-300)}`);
        return Buffer.concat(chunks);
      } finally {
        job.stdin.destroy();
      }
    },
  );
  const written: string[] = [];
  for (const { name, data } of filesIn(archive, names)) {
    const path = join(options.to, name);
    await mkdir(data === undefined ? path : dirname(path), { recursive: true });
    if (data === undefined) continue;
    await writeFile(path, data);
    written.push(name);
  }
  return written;
}

/** A plain file of an archive, or a folder. */
interface TakenFile {
  readonly name: string;
  /** Undefined: a folder. */
  readonly data: Uint8Array | undefined;
}

/**
 * The plain files and folders of an archive that a guest packed, each below a name that was asked for. Links and
 * devices are passed over.
 *
 * @returns folders have no data.
 * @throws {InfraError} for a name that leads out of the folder, or that nobody asked for: it would lie among the
 *   host's own files, under a name of the guest's choice.
 */
export function filesIn(archive: Uint8Array, names: readonly string[]): TakenFile[] {
  const wanted = names.map((name) => posix.normalize(name).replace(/\/$/, ""));
  // A copy of its own: a small Buffer is a window into a larger one, which the parser would read from its start.
  return parseTar(new Uint8Array(archive)).flatMap((entry): TakenFile[] => {
    const name = posix.normalize(entry.name);
    if (posix.isAbsolute(name) || name === ".." || name.startsWith("../") || name.includes("\0"))
      throw new InfraError(
        `the guest packed a file that leads out of its folder: ${entry.name.slice(0, 200)}`,
      );
    if (!wanted.some((each) => each === "." || name === each || name.startsWith(`${each}/`)))
      throw new InfraError(`the guest packed a file that nobody asked for: ${entry.name.slice(0, 200)}`);
    if (entry.type === "directory") return [{ name, data: undefined }];
    return entry.type === "file" ? [{ name, data: entry.data ?? new Uint8Array() }] : [];
  });
}

/**
 * Check the name of a result before a machine is booted for it.
 *
 * @throws {UsageError} when it is absolute or leads upwards.
 */
export function checkName(name: string): void {
  const plain = posix.normalize(name);
  if (name === "" || posix.isAbsolute(plain) || plain === ".." || plain.startsWith("../"))
    throw new UsageError(`a result is named relative to the folder in the guest; "${name}" is not`, {
      next: 'Name a file or folder below it, such as "junit.xml" or "coverage".',
    });
}
