import { readFile, rm, stat, writeFile } from "node:fs/promises";
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

export interface DetachedOptions {
  /** What is signed, for messages. */
  readonly what: string;
  /** A file of keys, armored or not. */
  readonly keyring: string;
  /** A folder for what is made on the way. */
  readonly dir: string;
  readonly signal: AbortSignal;
}

/**
 * Check a signature that lies beside what it signs. One good signature by a known key is enough, and one bad signature
 * too many; one that has expired, or whose key has, is none.
 *
 * @throws {InfraError} when no known key vouches for the file.
 */
export async function verifyDetached(
  path: string,
  signature: string,
  { what, keyring, dir, signal }: DetachedOptions,
): Promise<void> {
  const keys = join(dir, "keys.gpg");
  await writeFile(keys, dearmored(await readFile(keyring)));
  try {
    const status = await signatureStatus(["gpgv", "--keyring", keys, signature, path], {
      within: timeouts.host.ask,
      signal,
      install: "Install gpgv: `apt-get install gpgv`.",
    });
    if (hasGoodSignature(status)) return;
    const why = /\b(?:EXPSIG|EXPKEYSIG)\b/.test(status)
      ? "has expired"
      : /\bBADSIG\b/.test(status)
        ? "is bad"
        : `is of no key in ${keyring}`;
    throw new InfraError(`the signature of ${what} ${why}`, {
      next: "Use another mirror, or newer keys; nothing was taken from there.",
    });
  } finally {
    await rm(keys, { force: true });
  }
}

/**
 * Keys as gpgv takes them, of a file that may have them as text.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9580#section-6.2
 */
export function dearmored(file: Buffer): Buffer {
  const text = file.toString("latin1");
  if (!text.includes("-----BEGIN PGP PUBLIC KEY BLOCK-----")) return file;
  const blocks = text.matchAll(
    /-----BEGIN PGP PUBLIC KEY BLOCK-----([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g,
  );
  return Buffer.concat(
    [...blocks].map(([, block = ""]) => {
      const body = block.replace(/\r/g, "").replace(/^[\s\S]*?\n\s*\n/, "");
      return Buffer.from(body.replace(/^=.*$/m, ""), "base64");
    }),
  );
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
