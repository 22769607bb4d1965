import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";

const entry = z.object({ filename: z.string(), integrity: z.string() });
const schema = z.union([
  z.array(entry),
  z.record(z.string(), entry).transform((named) => Object.values(named)),
]);

/** A package as `npm pack` wrote it down. */
export interface Packed {
  /** Of the tarball, in the folder it was packed into. */
  readonly filename: string;
  /** As in a lock file: `sha512-...`. */
  readonly integrity: string;
}

/**
 * What `npm pack --json` says of one package: npm 12 names it before what it says of it, older ones give a list.
 *
 * @param what of which package, for the message.
 * @throws {InfraError} when it says something else, or nothing.
 * @see https://docs.npmjs.com/cli/commands/npm-pack
 */
export function readPacked(stdout: string, what: string): Packed {
  const [packed] = schema.safeParse(parseJson(stdout)).data ?? [];
  if (!packed)
    throw new InfraError(
      `npm packed nothing for ${what}: it said ${JSON.stringify(stdout.trim().slice(0, 200))}`,
    );
  return packed;
}
