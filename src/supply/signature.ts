import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, type CommandOptions, command } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";

/** A file of keys, or the folder of the Debian archive's; undefined: where Debian's own package puts them. */
export type Keyring = string | undefined;

/** Debian's package debian-archive-keyring has the archive's keys in the first; from Debian 13 on, in the second. */
const names = ["debian-archive-keyring.gpg", "debian-archive-keyring.pgp"];

function placesOf(keyring: Keyring): readonly string[] {
  const folder = keyring ?? "/usr/share/keyrings";
  return [...names.map((name) => join(folder, name)), ...(keyring === undefined ? [] : [keyring])];
}

/** The file of a keyring, if it is there. */
export async function findKeyring(keyring: Keyring): Promise<string | undefined> {
  for (const path of placesOf(keyring)) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
}

export interface VerifyOptions {
  /** What the file is, for messages. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly keyring: Keyring;
}

/**
 * The text of a clear-signed file, and only what the signature covers, checked against a keyring. As apt does, one
 * good signature by a known key is enough, and one bad signature too many: files signed for several releases also
 * carry keys that an older keyring does not know.
 *
 * @throws {InfraError} when no known key vouches for the file.
 * @see https://gnupg.org/documentation/manuals/gnupg/gpgv.html
 */
export async function verifiedText(path: string, options: VerifyOptions): Promise<string> {
  const text = `${path}.verified`;
  const keyring = await findKeyring(options.keyring);
  if (keyring === undefined) {
    throw new InfraError(
      `the Debian archive's keys are not on this machine (looked for ${placesOf(options.keyring).join(", ")})`,
      {
        next: "Install them: `apt-get install debian-archive-keyring`. Elsewhere, name the file: DSTATE_DEBIAN_KEYRING.",
      },
    );
  }
  try {
    const status = await signatureStatus(["gpgv", "--keyring", keyring, "--output", text, path], {
      within: timeouts.host.ask,
      signal: options.signal,
      install: "Install gpgv: `dstate setup`.",
    });
    if (!hasGoodSignature(status)) {
      throw new InfraError(`${options.what} carries no good signature of a key in ${keyring}`, {
        next: "Update the package debian-archive-keyring, or use a mirror that serves the archive unchanged.",
      });
    }
    return await readFile(text, "utf8");
  } finally {
    await rm(text, { force: true });
  }
}

/**
 * Run gpg or gpgv on something that is signed.
 *
 * @returns its status lines: it ends with 1 for a bad signature and with 2 when one of several keys is unknown.
 * @throws {InfraError} when it is missing, or ends in another way.
 * @see https://github.com/gpg/gnupg/blob/master/doc/DETAILS
 */
export async function signatureStatus(
  [program, ...rest]: readonly [string, ...string[]],
  options: CommandOptions,
): Promise<string> {
  return await command([program, "--status-fd", "1", ...rest], options).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      if (error instanceof CommandError && (error.code === 1 || error.code === 2)) return error.stdout;
      throw error;
    },
  );
}

/** Whether the status lines of gpg or gpgv tell of a good signature and of no bad one. */
export function hasGoodSignature(status: string): boolean {
  const words = status.split("\n").map((line) => /^\[GNUPG:\] (\w+)/.exec(line)?.[1]);
  return words.includes("GOODSIG") && !words.includes("BADSIG");
}
