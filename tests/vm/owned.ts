import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The run directories in a folder that a process owns: other runs on this host are none of our business. */
export async function ownedBy(
  pid: number | undefined,
  folder: string,
): Promise<{ name: string; qemu: number | undefined }[]> {
  const found = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const text = await readFile(join(folder, name, "owner.json"), "utf8").catch(() => "{}");
    const record: { owner?: { pid: number }; qemu?: { pid: number } } = JSON.parse(text || "{}");
    if (record.owner?.pid === pid) found.push({ name, qemu: record.qemu?.pid });
  }
  return found;
}
