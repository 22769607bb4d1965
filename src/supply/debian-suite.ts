import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { hashedFiles, parseStanza } from "./deb822.ts";
import { download } from "./download.ts";
import { type Keyring, verifiedText } from "./signature.ts";

/** A suite of a Debian archive whose signature was checked. */
export interface DebianSuite {
  /**
   * The text of one of its indexes, such as `main/binary-amd64/Packages`, checked by the sha256 that the signed
   * InRelease gives; empty where the suite has none of that name.
   */
  readonly read: (path: string) => Promise<string>;
}

/**
 * Open a suite of a Debian archive. Every byte is vouched for: its InRelease by the archive's key, each index by the
 * InRelease. `Valid-Until` is not enforced unless the caller wants it: what is asked for is named by version, so an old
 * index can withhold but not mislead, and old suites stay as they were.
 *
 * @param dist the suite's folder, such as `<root>/dists/trixie`.
 * @param scratch a folder for what is being fetched, and the archive's keys where the settings name them.
 * @returns undefined when the archive has no such suite: suites leave it when they grow old.
 * @throws {InfraError} when the archive is out of reach, or a signature or hash is wrong.
 * @see https://wiki.debian.org/DebianRepository/Format
 * @example const text = await (await openSuite(dist, { dir, signal }))?.read("main/binary-amd64/Packages");
 */
export async function openSuite(
  dist: string,
  scratch: {
    readonly dir: string;
    readonly signal: AbortSignal;
    readonly keyring: Keyring;
    readonly expired?: "accept" | "refuse" | undefined;
  },
): Promise<DebianSuite | undefined> {
  const { dir, signal, keyring } = scratch;
  const inRelease = join(dir, "InRelease");
  if ((await download(`${dist}/InRelease`, { to: inRelease, signal })).type === "missing") return undefined;
  const release = parseStanza(await verifiedText(inRelease, { what: `${dist}/InRelease`, keyring, signal }));
  await rm(inRelease);
  const until = release.get("valid-until");
  if (scratch.expired === "refuse" && until !== undefined && !(Date.parse(until) > Date.now())) {
    throw new InfraError(`${dist}/InRelease was valid until ${until} only`, {
      next: "Use a mirror that is up to date; nothing was taken from there.",
    });
  }
  const files = hashedFiles(release.get("sha256"));
  const read = async (path: string): Promise<string> => {
    const file = files.find((file) => file.path === `${path}.xz`);
    if (!file) return "";
    // The name by hash cannot change between our reading of InRelease and of the index.
    const byHash = `${path.slice(0, path.lastIndexOf("/"))}/by-hash/SHA256/${file.sha256}`;
    const to = join(dir, "index.xz");
    for (const name of [byHash, file.path]) {
      const got = await download(`${dist}/${name}`, { to, signal, sha256: file.sha256 });
      if (got.type === "missing") continue;
      await command(["xz", "--decompress", "--force", to], {
        within: timeouts.host.files,
        signal,
        install: "Install xz-utils: `dstate setup`.",
      });
      const text = await readFile(join(dir, "index"), "utf8");
      await rm(join(dir, "index"));
      return text;
    }
    throw new InfraError(`${dist}/${file.path} is missing although the signed InRelease lists it`, {
      next: "The mirror may be in the middle of an update: try again in some minutes.",
    });
  };
  return { read };
}
