import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { releasePattern } from "./version.ts";

const carrierSchema = z.strictObject({
  revision: z.string().regex(/^[0-9a-f]{40}$/),
  /** Needed only where Nix is told not to trust what GitHub says a revision is. */
  narHash: z.string().startsWith("sha256-").optional(),
});

/** A kernel release whose content this project has recorded. */
export const kernelPinSchema = z.strictObject({
  version: z.string().regex(releasePattern),
  /** The sha256 of the source tarball; null where nobody vouched for one yet, or only Nix has a hash for it. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** Where the tarball is; without it, it is the Debian archive's. vm/nixos/kernel-from-source.nix reads it too. */
  url: z.url().optional(),
  /** Where the same bytes are when that place has dropped them, such as Debian's snapshot archive. */
  elsewhere: z.url().optional(),
  /** One sentence: where the hash comes from. */
  provenance: z.string().min(1),
  /** The nixpkgs that carries this kernel. */
  nixpkgs: carrierSchema.optional(),
});
export type KernelPin = z.infer<typeof kernelPinSchema>;

const pinsSchema = z
  .array(kernelPinSchema)
  .refine(
    (pins) => new Set(pins.map(({ version }) => version)).size === pins.length,
    "a version is pinned twice",
  );

/** Where the recorded kernels are, for Nix and for us. */
export function pinsFile(homeDir: string): string {
  return join(homeDir, "vm", "kernels.json");
}

/**
 * The commits of nixpkgs that are known to carry a kernel, by its version, from `vm/nixos/carriers.json`.
 *
 * @throws {InfraError} when the file does not say what it should.
 */
export async function readCarriers(homeDir: string): Promise<Record<string, KernelPin["nixpkgs"]>> {
  const path = join(homeDir, "vm", "nixos", "carriers.json");
  return await parseFile(path, z.record(z.string(), carrierSchema), "a list of nixpkgs commits");
}

/**
 * The recorded kernels, from `vm/kernels.json`.
 *
 * @throws {InfraError} when the file does not say what it should.
 */
export async function readPins(homeDir: string): Promise<KernelPin[]> {
  return await parseFile(pinsFile(homeDir), pinsSchema, "a list of kernel pins");
}

async function parseFile<Value>(path: string, schema: z.ZodType<Value>, what: string): Promise<Value> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new InfraError(`${path} is not ${what}: ${why}`, {
      next: "Correct it, or take it back from version control.",
      cause: error,
    });
  }
}
