import { access, constants, rename, rm, writeFile } from "node:fs/promises";
import { dirname, sep } from "node:path";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { type KernelPin, kernelPinSchema, pinsFile, readCarriers, readPins } from "./pins.ts";
import { fetchSource } from "./release-tarball.ts";
import { compareKernelVersions } from "./version.ts";
import { vouchedSource } from "./vouched-source.ts";

export interface PinResult {
  readonly pin: KernelPin;
  /** False: all of it was recorded before, and nothing was changed. */
  readonly added: boolean;
}

export interface PinOptions {
  /** The commit of nixpkgs that carries the kernel, so that Nix has it without a build. */
  readonly nixpkgs?: string | undefined;
}

/**
 * Record a release in vm/kernels.json, for builds here and by Nix: its sha256, where the source is, where it is when
 * that place has dropped it, and the nixpkgs that carries it when one is known. The sha256 is one that a signature
 * vouches for, and the tarball is fetched and checked against it, so that nothing is recorded that nobody could build.
 *
 * @throws {UsageError} when the version or the commit is none, no place has it, or dstate is an installed one.
 * @throws {InfraError} when no place can be reached, nobody's key vouches for kernel.org's list, or the file cannot be
 * written.
 * @see https://www.kernel.org/signature.html
 * @example (await pinKernel("6.6.58", context)).pin.sha256
 */
export async function pinKernel(
  version: string,
  context: Context,
  options: PinOptions = {},
): Promise<PinResult> {
  if (!kernelPinSchema.shape.version.safeParse(version).success) {
    throw new UsageError(`"${version}" is not a kernel release`, { next: "Write one such as 6.6.58." });
  }
  const asked = options.nixpkgs;
  if (asked !== undefined && !/^[0-9a-f]{40}$/.test(asked)) {
    throw new UsageError(`"${asked}" is not a commit of nixpkgs`, { next: "Write all 40 digits of one." });
  }
  const { homeDir } = context.settings;
  const before = (await readPins(homeDir)).find((pin) => pin.version === version);
  const known = (await readCarriers(homeDir))[version];
  const carrier = asked === undefined || asked === known?.revision ? known : { revision: asked };
  const nixpkgs = asked === undefined ? (before?.nixpkgs ?? carrier) : carrier;
  const unchanged = before?.nixpkgs?.revision === nixpkgs?.revision;
  if (before && before.sha256 !== null && unchanged) return { pin: before, added: false };
  await checkKept(homeDir, version);
  const source = before && before.sha256 !== null ? before : await sourceFor(version, context);
  const pin: KernelPin = { ...before, ...source, version, ...(nixpkgs && { nixpkgs }) };
  // Read again: a download takes a while, and somebody else may have pinned another one.
  const others = (await readPins(homeDir)).filter((pin) => pin.version !== version);
  const pins = [...others, pin].sort((a, b) => compareKernelVersions(a.version, b.version));
  await replaceFile(pinsFile(homeDir), `${JSON.stringify(pins, null, 2)}\n`);
  return { pin, added: true };
}

async function sourceFor(
  version: string,
  context: Context,
): Promise<Pick<KernelPin, "version" | "sha256" | "url" | "elsewhere" | "provenance">> {
  const { sha256, url, urls, elsewhere, from } = await vouchedSource(version, context);
  const provenance = `${from}, on ${new Date().toISOString().slice(0, 10)}.`;
  await fetchSource({ version, sha256, urls: async () => [...urls, elsewhere], provenance }, context);
  return { version, sha256, ...(url === undefined ? {} : { url }), elsewhere, provenance };
}

/** A pin is part of a checkout: the next `npm ci` or `nix run` would forget one that is written to what they installed. */
async function checkKept(homeDir: string, version: string): Promise<void> {
  if (homeDir.split(sep).includes("node_modules") || homeDir.startsWith("/nix/store/")) {
    throw new UsageError(`this dstate is an installed one, and a pin in ${homeDir} would not be kept`, {
      next: `Pin it in a checkout of dstate: \`node bin/dstate.mjs kernels pin ${version}\`. To run it here it needs no pin: \`--kernel ${version}\`.`,
    });
  }
  const path = pinsFile(homeDir);
  try {
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.part`;
  try {
    await writeFile(draft, text);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, cause: unknown): InfraError {
  return new InfraError(`${path} cannot be written: ${messageOf(cause)}`, {
    next: "Run this in a checkout of dstate that you may write to.",
    cause,
  });
}
