import { join } from "node:path";
import { fillNpmCache, type PrepareContext } from "../../../src/index.ts";

/** Fill an npm cache beside the reporter's project, so that `npm ci --offline` in the guest has all it needs. */
export async function prepareNpmCi({ dir, signal }: PrepareContext): Promise<void> {
  await fillNpmCache(join(dir, "npm-ci"), { cache: join(dir, "npm-cache"), signal });
}
