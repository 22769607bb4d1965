import { rename, rm, writeFile } from "node:fs/promises";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { UnreachableError } from "../supply/download.ts";
import { type KernelOrgSource, kernelOrgSource } from "./kernel-org.ts";
import { type KernelPin, kernelPinSchema, pinsFile, readPins } from "./pins.ts";
import { fetchSource } from "./release-tarball.ts";
import { compareKernelVersions } from "./version.ts";

export interface PinResult {
  readonly pin: KernelPin;
  /** False: it had a sha256 before, and nothing was changed. */
  readonly added: boolean;
}

/**
 * Record a release's sha256 in vm/kernels.json, for builds here and by Nix. The sha256 is the one that
 * kernel.org's signed list gives, and the tarball is fetched and checked against it, so that nothing is recorded
 * that nobody could build.
 *
 * @throws {UsageError} when the version is none, or no place of kernel.org's layout has it.
 * @throws {InfraError} when no place can be reached, or nobody's key vouches for the list.
 * @see https://www.kernel.org/signature.html
 * @example (await pinKernel("6.6.58", context)).pin.sha256
 */
export async function pinKernel(version: string, context: Context): Promise<PinResult> {
  if (!kernelPinSchema.shape.version.safeParse(version).success) {
    throw new UsageError(`"${version}" is not a kernel release`, { next: "Write one such as 6.6.58." });
  }
  const { homeDir } = context.settings;
  const before = (await readPins(homeDir)).find((pin) => pin.version === version);
  if (before && before.sha256 !== null) return { pin: before, added: false };
  const source = await vouchedSource(version, context);
  const provenance = `From ${source.url} on ${new Date().toISOString().slice(0, 10)}, ${source.checked}.`;
  const { url, sha256 } = source;
  await fetchSource({ version, sha256, urls: async () => [url], provenance }, context);
  const pin: KernelPin = { ...before, version, sha256, url, provenance };
  // Read again: a download takes a while, and somebody else may have pinned another one.
  const others = (await readPins(homeDir)).filter((pin) => pin.version !== version);
  const pins = [...others, pin].sort((a, b) => compareKernelVersions(a.version, b.version));
  await replaceFile(pinsFile(homeDir), `${JSON.stringify(pins, null, 2)}\n`);
  return { pin, added: true };
}

async function vouchedSource(version: string, context: Context): Promise<KernelOrgSource> {
  const unreachable: string[] = [];
  let unsigned: KernelOrgSource | undefined;
  let asked = 0;
  for (const place of context.settings.kernelPlaces) {
    try {
      const found = await kernelOrgSource(place, version, context);
      asked += 1;
      if (found?.signed) return found;
      unsigned ??= found;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      unreachable.push(messageOf(error));
    }
  }
  if (unsigned) {
    throw new InfraError(
      `${unsigned.url} has a sha256 in the list beside it, but no key here vouches for that list`,
      {
        next: "Get the key of kernel.org's list with `gpg --locate-keys autosigner@kernel.org`, and run again.",
      },
    );
  }
  if (asked === 0) {
    throw new InfraError(`no place of kernel.org's layout can be reached: ${unreachable.join("; ")}`, {
      next: "Run this on a machine that reaches kernel.org, or name a mirror: DSTATE_KERNEL_PLACES.",
    });
  }
  throw new UsageError(`no place that was asked has Linux ${version}`, {
    next: "Releases are listed at https://www.kernel.org; a release candidate has no signed sha256.",
  });
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.part`;
  try {
    await writeFile(draft, text);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new InfraError(`${path} cannot be written: ${messageOf(error)}`, {
      next: "Run this in a checkout of dstate that you may write to.",
      cause: error,
    });
  }
}
