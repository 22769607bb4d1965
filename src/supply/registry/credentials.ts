import { readFile } from "node:fs/promises";
import { z } from "zod";
import { command } from "../../base/command.ts";
import { InfraError } from "../../base/errors.ts";
import { parseJson } from "../../base/parse-json.ts";
import { timeouts } from "../../base/timeouts.ts";

/** Who we are to a registry. */
export type Credentials =
  | { readonly type: "password"; readonly user: string; readonly password: string }
  /** What a login left behind, to be exchanged for a token. */
  | { readonly type: "identity"; readonly token: string };

const configSchema = z.object({
  auths: z
    .record(z.string(), z.object({ auth: z.string().optional(), identitytoken: z.string().optional() }))
    .optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});

const helperSchema = z.object({ Username: z.string(), Secret: z.string() });

/**
 * A user's credentials for a registry, as `docker login`, `podman login` and CI systems leave them.
 *
 * @param files of docker's configuration; the first that has some for this host counts.
 * @returns undefined when there are none: many registries can be read without.
 * @throws {InfraError} when a file is there and cannot be made sense of, or its helper fails.
 * @see https://github.com/docker/cli/blob/master/man/docker-config-json.5.md
 * @see https://github.com/docker/docker-credential-helpers
 */
export async function credentialsFor(
  host: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const parsed = configSchema.safeParse(parseJson(text));
    if (!parsed.success)
      throw new InfraError(`${file} is no configuration of docker's`, {
        next: `Mend it, or log in anew with \`docker login ${host}\`.`,
      });
    const { auths = {}, credHelpers = {}, credsStore } = parsed.data;
    const helper = credHelpers[host] ?? credsStore;
    if (helper !== undefined) {
      const found = await askHelper(helper, host, signal);
      if (found) return found;
    }
    const own = auths[host] ?? auths[`https://${host}`] ?? auths[`https://${host}/v1/`];
    if (own?.identitytoken) return { type: "identity", token: own.identitytoken };
    const [, user, password] =
      /^([^:]+):(.*)$/s.exec(Buffer.from(own?.auth ?? "", "base64").toString()) ?? [];
    if (user !== undefined && password !== undefined) return { type: "password", user, password };
  }
  return undefined;
}

async function askHelper(
  helper: string,
  host: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(helper))
    throw new InfraError(`docker's configuration names the credential helper "${helper}", which is no name`);
  const { within, input } = { within: timeouts.registry.credentials, input: host };
  const said = await command([`docker-credential-${helper}`, "get"], { within, input, signal }).catch(
    (error: unknown) => {
      // Its protocol has no other word for it.
      if (error instanceof InfraError && /credentials not found/.test(error.message)) return undefined;
      throw error;
    },
  );
  if (said === undefined) return undefined;
  const parsed = helperSchema.safeParse(parseJson(said.stdout));
  if (!parsed.success)
    throw new InfraError(`docker-credential-${helper} did not say whose credentials it has`);
  const { Username: user, Secret: secret } = parsed.data;
  return user === "<token>"
    ? { type: "identity", token: secret }
    : { type: "password", user, password: secret };
}
