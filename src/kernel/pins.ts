import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { releasePattern } from "./version.ts";

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
  elsewhere: z.array(z.url()).optional(),
  /** One sentence: where the hash comes from. */
  provenance: z.string().min(1),
  /** The nixpkgs that carries this kernel. */
  nixpkgs: z
    .strictObject({
      revision: z.string().regex(/^[0-9a-f]{40}$/),
      narHash: z.string().startsWith("sha256-").optional(),
    })
    .optional(),
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
 * The recorded kernels, from `vm/kernels.json`.
 *
 * @throws {InfraError} when the file does not say what it should.
 */
export async function readPins(homeDir: string): Promise<KernelPin[]> {
  const path = pinsFile(homeDir);
  try {
    return pinsSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new InfraError(`${path} is not a list of kernel pins: ${why}`, {
      next: "Correct it, or take it back from version control.",
      cause: error,
    });
  }
}
