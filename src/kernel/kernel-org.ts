import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { keyOf, Store } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { download } from "../supply/download.ts";
import { hasGoodSignature, signatureStatus } from "../supply/signature.ts";

/** A tarball in a place of kernel.org's layout. */
export interface KernelOrgSource {
  readonly url: string;
  readonly sha256: string;
  /** Whether somebody's key vouches for the sha256, as one clause. */
  readonly checked: string;
  /** Whether a key of the user's gpg keyring does. */
  readonly signed: boolean;
}

const sumsSchema = z.object({ checked: z.string() });

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
  context: Context,
): Promise<KernelOrgSource | undefined> {
  const folder = `${place.replace(/\/+$/, "")}/v${version.split(".")[0]}.x`;
  const store = new Store(join(context.settings.cacheDir, "kernel-org-sums"));
  const day = new Date().toISOString().slice(0, 10);
  const options = { within: timeouts.make.fetch, signal: context.signal } as const;
  const entry = await store.findOrMake(
    `${day}-${keyOf({ recipe: 2, folder })}`,
    options,
    async (dir, signal) => {
      const to = join(dir, "sha256sums.asc");
      const got = await download(`${folder}/sha256sums.asc`, {
        to,
        signal,
        silence: timeouts.network.mirror,
      });
      return { checked: got.type === "missing" ? "" : await checkSums(dir, signal) };
    },
  );
  const { checked } = sumsSchema.parse(entry.about);
  if (checked === "") return undefined;
  const file = `linux-${version}.tar.xz`;
  const signed = checked === goodSignature;
  const sums = await readFile(join(entry.dir, signed ? signedText : "sha256sums.asc"), "utf8");
  const sha256 = parseSums(sums).get(file);
  return sha256 === undefined ? undefined : { url: `${folder}/${file}`, sha256, checked, signed };
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

const goodSignature = "sha256 from its signed sha256sums.asc";

/** What the signature covers, and not what stands before or behind it. */
const signedText = "signed-sums";

async function checkSums(dir: string, signal: AbortSignal): Promise<string> {
  const argv = ["gpg", "--batch", "--no-auto-key-retrieve", "--output", join(dir, signedText)] as const;
  const signed = ["--decrypt", join(dir, "sha256sums.asc")] as const;
  // Without gpg, or with one that does not work here, nobody checks.
  const status = await signatureStatus([...argv, ...signed], { within: timeouts.host.ask, signal }).catch(
    () => "",
  );
  signal.throwIfAborted();
  if (hasGoodSignature(status)) return goodSignature;
  if (/\bBADSIG\b/.test(status)) {
    throw new InfraError("the signature of the place's sha256sums.asc is bad", {
      next: "Use another place: DSTATE_KERNEL_PLACES.",
    });
  }
  return "sha256 from its sha256sums.asc, whose signature was not checked: the key is not in gpg's keyring";
}
