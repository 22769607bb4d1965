import type { RegistryAddress } from "../../base/registry-address.ts";

/** How a registry wants to be told who asks. */
export type Challenge =
  | { readonly type: "basic" }
  | {
      readonly type: "bearer";
      readonly realm: string;
      readonly service: string | undefined;
      readonly scope: string | undefined;
    };

/**
 * Read a `WWW-Authenticate` header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate
 * @returns undefined for schemes other than Basic and Bearer.
 * @example parseChallenge('Bearer realm="https://ghcr.io/token",service="ghcr.io"')
 */
export function parseChallenge(header: string): Challenge | undefined {
  const [, scheme = "", rest = ""] = /^\s*([A-Za-z]+)\s*(.*)$/s.exec(header.slice(0, 4096)) ?? [];
  if (scheme.toLowerCase() === "basic") return { type: "basic" };
  if (scheme.toLowerCase() !== "bearer") return undefined;
  const fields = new Map(
    [...rest.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = "", value = ""]) => [
      name.toLowerCase(),
      value,
    ]),
  );
  const realm = fields.get("realm");
  if (realm === undefined) return undefined;
  return { type: "bearer", realm, service: fields.get("service"), scope: fields.get("scope") };
}

/**
 * Where a token is asked for. A registry may name any place; the user's credentials go only to itself or a host of the
 * same owner, as `auth.docker.io` is for `registry-1.docker.io`.
 *
 * @returns undefined for a place that is not asked at all: over http, unless the registry itself is.
 */
export function realmOf(
  { realm }: Extract<Challenge, { type: "bearer" }>,
  { origin }: Pick<RegistryAddress, "origin">,
): { readonly url: string; readonly isTrusted: boolean } | undefined {
  if (!URL.canParse(realm)) return undefined;
  const [there, own] = [new URL(realm), new URL(origin)];
  if (there.protocol !== "https:" && there.origin !== own.origin && own.protocol !== "http:")
    return undefined;
  if (there.protocol !== "https:" && there.hostname !== own.hostname) return undefined;
  const owner = ({ hostname }: URL): string => hostname.split(".").slice(-2).join(".");
  const isName = /[a-z]/i.test(own.hostname) && own.hostname.includes(".");
  return {
    url: realm,
    isTrusted: there.hostname === own.hostname || (isName && owner(there) === owner(own)),
  };
}
