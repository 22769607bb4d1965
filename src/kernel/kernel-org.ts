import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { download } from "./download.ts";
import { hasGoodSignature } from "./signature.ts";

/** A tarball in a place of kernel.org's layout. */
export interface KernelOrgSource {
  readonly url: string;
  readonly sha256: string;
  /** Whether somebody's key vouches for the sha256, as one clause. */
  readonly checked: string;
}

/** The folder of a version below a place, and the tarball's name in it. */
export function kernelOrgPath(version: string): { folder: string; file: string } {
  return { folder: `v${version.split(".")[0]}.x`, file: `linux-${version}.tar.xz` };
}

/**
 * A release's tarball in a place of kernel.org's layout, with the sha256 that the place's sha256sums.asc gives.
 * Its signature counts when the user's gpg keyring has the key; else the answer says that nobody checked.
 *
 * @returns undefined when the place has no such release.
 * @throws {UnreachableError} when the place cannot be asked.
 * @throws {InfraError} when the signature is bad.
 * @see https://www.kernel.org/signature.html
 */
export async function kernelOrgSource(
  place: string,
  version: string,
  { dir, signal }: { dir: string; signal: AbortSignal },
): Promise<KernelOrgSource | undefined> {
  const { folder, file } = kernelOrgPath(version);
  const base = `${place.replace(/\/+$/, "")}/${folder}`;
  const to = join(dir, "sha256sums.asc");
  if ((await download(`${base}/sha256sums.asc`, { to, signal, silence: "20s" })).type === "missing")
    return undefined;
  try {
    const sha256 = parseSums(await readFile(to, "utf8")).get(file);
    if (sha256 === undefined) return undefined;
    return { url: `${base}/${file}`, sha256, checked: await checkSums(to, signal) };
  } finally {
    await rm(to, { force: true });
  }
}

/** File names to sha256, from the text of a sha256sums file. */
export function parseSums(text: string): Map<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, sha256, name] = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line) ?? [];
      return sha256 && name ? [[name, sha256] as const] : [];
    }),
  );
}

async function checkSums(path: string, signal: AbortSignal): Promise<string> {
  const script =
    'gpg --batch --no-auto-key-retrieve --status-fd 1 --verify "$1" || test $? -eq 2 || test $? -eq 1';
  const status = await command(["sh", "-c", script, "sh", path], { within: "60s", signal }).then(
    ({ stdout }) => stdout,
    (error: unknown) => messageOf(error),
  );
  if (hasGoodSignature(status)) return "sha256 from its signed sha256sums.asc";
  if (/\bBADSIG\b/.test(status)) {
    throw new InfraError(`the signature of ${path} is bad`, {
      next: "Use another place: DSTATE_KERNEL_PLACES.",
    });
  }
  return "sha256 from its sha256sums.asc, whose signature was not checked: the key is not in gpg's keyring";
}
