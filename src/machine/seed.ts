import { writeFile } from "node:fs/promises";
// nanotar: typed, no dependencies, writes tar in memory.
import { createTar } from "nanotar";
import ssh2 from "ssh2";

/** A fixed size, so that a restored machine finds the disk it was frozen with. */
const seedDiskBytes = 64 * 1024;

/** What one machine is told about itself, made anew for each and never part of an image. */
export interface Seed {
  readonly hostname: string;
  /** OpenSSH private key of the run: the only one that opens this guest. */
  readonly clientKey: string;
  /** SHA-256 of the guest's ssh host key, base64, as ssh2's hostVerifier gets it. */
  readonly hostKey: Buffer;
  readonly files: Readonly<Record<string, string>>;
}

/** Make the keys and the identity of one machine. */
export function makeSeed(hostname: string): Seed {
  const client = ssh2.utils.generateKeyPairSync("ed25519", { comment: "dstate" });
  const host = ssh2.utils.generateKeyPairSync("ed25519", { comment: hostname });
  const hostKey = ssh2.utils.parseKey(host.private);
  if (hostKey instanceof Error) throw hostKey;
  return {
    hostname,
    clientKey: client.private,
    hostKey: hostKey.getPublicSSH(),
    files: {
      authorized_keys: `${client.public}\n`,
      ssh_host_ed25519_key: host.private,
      "ssh_host_ed25519_key.pub": `${host.public}\n`,
      hostname: `${hostname}\n`,
    },
  };
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
