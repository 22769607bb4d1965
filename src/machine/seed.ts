import { writeFile } from "node:fs/promises";
// nanotar: typed, no dependencies, writes tar in memory.
import { createTar } from "nanotar";
import { ssh2 } from "../base/ssh2.ts";

/** A fixed size, so that a restored machine finds the disk it was frozen with. */
const seedDiskBytes = 64 * 1024;

/** What one machine is told about itself, made anew for each and never part of an image. */
export interface Seed {
  readonly hostname: string;
  /** OpenSSH private key of the run: the only one that opens this guest. */
  readonly clientKey: string;
  /** The guest's public ssh host key, in the form that goes over the wire. */
  readonly hostKey: Buffer;
  readonly files: Readonly<Record<string, string>>;
}

/** Make the keys and the identity of one machine. */
export function makeSeed(hostname: string): Seed {
  const client = makeKeyPair("dstate");
  const host = makeKeyPair(hostname);
  return {
    hostname,
    clientKey: client.private,
    hostKey: host.blob,
    files: {
      authorized_keys: `${client.public}\n`,
      ssh_host_ed25519_key: host.private,
      "ssh_host_ed25519_key.pub": `${host.public}\n`,
      hostname: `${hostname}\n`,
    },
  };
}

/**
 * An ed25519 key pair in OpenSSH's format. ssh2 1.17 loses the first byte of a public key when it is zero,
 * which one pair in 256 has: what ssh2 itself cannot read back is not used.
 */
export function makeKeyPair(comment: string): { private: string; public: string; blob: Buffer } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    const parsed = ssh2.utils.parseKey(pair.private);
    if (!(parsed instanceof Error)) return { ...pair, blob: parsed.getPublicSSH() };
  }
}

/**
 * Write the seed as a disk: a bare tar archive, which any guest can read without a file system driver.
 *
 * @see https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
export async function writeSeedDisk(path: string, seed: Seed): Promise<void> {
  const archive = createTar(
    Object.entries(seed.files).map(([name, data]) => ({
      name,
      data,
      attrs: { mode: "600", uid: 0, gid: 0 },
    })),
  );
  const disk = Buffer.alloc(seedDiskBytes);
  disk.set(archive);
  await writeFile(path, disk, { mode: 0o600 });
}
