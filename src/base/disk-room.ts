import { statfs } from "node:fs/promises";
import { InfraError } from "./errors.ts";
import { formatBytes } from "./size.ts";

/**
 * See that a folder's disk has room before something is begun that would end badly without it.
 *
 * @param need.bytes that may be written.
 * @param need.for what writes them, such as "a dump of the guest's memory".
 * @param need.next what can be done, as a sentence.
 * @throws {InfraError} when there is too little.
 * @example await requireDiskRoom(dir, { bytes: 2 ** 28, for: "a machine's disks", next: "Free some disk space." })
 */
export async function requireDiskRoom(
  dir: string,
  need: { readonly bytes: number; readonly for: string; readonly next: string },
): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (free >= need.bytes) return;
  throw new InfraError(
    `the disk of ${dir} has ${formatBytes(free)} free, and ${need.for} may need ${formatBytes(need.bytes)}`,
    { next: need.next },
  );
}
