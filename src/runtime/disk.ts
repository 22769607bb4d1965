import { command } from "../base/command.ts";
import { timeouts } from "../base/timeouts.ts";

/** Fixed: a guest can find the disk by it, and directories are hashed alike. */
const uuid = "d57a7e00-0000-4000-8000-000000000003";
const hashSeed = "d57a7e00-0000-4000-8000-000000000004";

export interface DiskOptions {
  /** What goes into the file system's root. */
  readonly tree: string;
  /** The image to write. */
  readonly to: string;
  /** At most 16 characters. */
  readonly label: string;
  readonly signal: AbortSignal;
}

/**
 * Write a folder as an ext4 image just big enough for it, without root. Guests mount it read-only, so there is
 * no journal and no room to grow. Times of change are forgotten, for they are those of unpacking; mke2fs copies
 * the other times and the files' owners, so two disks of one tree are alike but not the same bytes.
 *
 * @throws {InfraError} when mke2fs is missing or the disk is full.
 * @see https://man7.org/linux/man-pages/man8/mke2fs.8.html
 */
export async function writeDisk({ tree, to, label, signal }: DiskOptions): Promise<void> {
  await command(["find", tree, "-exec", "touch", "--no-dereference", "--date=@0", "{}", "+"], {
    within: timeouts.host.files,
    signal,
  });
  const { stdout } = await command(["du", "-sk", "--apparent-size", tree], {
    within: timeouts.host.files,
    signal,
  });
  // Small files take whole blocks, and inodes and group tables come on top.
  const kib = Math.ceil(Number.parseInt(stdout, 10) * 1.15) + 24 * 1024;
  const fixed = ["-L", label, "-U", uuid, "-m", "0", "-O", "^has_journal"];
  const extended = `hash_seed=${hashSeed},root_owner=0:0`;
  const mke2fs = ["mke2fs", "-q", "-t", "ext4", "-d", tree, ...fixed, "-E", extended, to, `${kib}k`];
  await command(["env", "E2FSPROGS_FAKE_TIME=1", ...mke2fs], {
    within: timeouts.host.image,
    signal,
    install: "Install e2fsprogs: `dstate setup`.",
  });
}
