import { UsageError } from "./errors.ts";

/** A registry of the OCI distribution specification, and a repository in it. */
export interface RegistryAddress {
  /** As the user wrote it: `oci://ghcr.io/me/dstate-cache`. */
  readonly text: string;
  /** Where it is asked, such as `https://ghcr.io`. */
  readonly origin: string;
  /** Host and port, as docker's configuration names it. */
  readonly host: string;
  /** The repository: `me/dstate-cache`. */
  readonly name: string;
}

interface AddressOptions {
  /** Ask any host over http: the network between is the user's own. */
  readonly plainHttp?: boolean;
}

/**
 * Read `oci://HOST/NAME`. It is asked over https, and over http only where it is this host itself or the user says so.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests
 * @throws {UsageError} for anything else.
 * @example parseRegistryAddress("oci://127.0.0.1:5000/cache").origin // "http://127.0.0.1:5000"
 */
export function parseRegistryAddress(text: string, options: AddressOptions = {}): RegistryAddress {
  const [, host, name] =
    /^oci:\/\/((?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?)\/([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)$/i.exec(
      text,
    ) ?? [];
  if (host === undefined || name === undefined || name !== name.toLowerCase())
    throw new UsageError(`"${text}" is no registry`, {
      next: "Write oci://HOST/NAME, such as oci://ghcr.io/me/dstate-cache; names are in lower case.",
    });
  const isHere = /^(?:127(?:\.\d+){3}|localhost|\[::1\])(?::|$)/.test(host);
  const scheme = isHere || options.plainHttp === true ? "http" : "https";
  return { text, origin: `${scheme}://${host}`, host, name };
}

/** One thing in a registry: by a tag, which somebody may give to another thing, or by its digest, which stays. */
export interface RegistryReference {
  readonly address: RegistryAddress;
  readonly text: string;
  /** As the registry is asked: the tag, or `sha256:...`. */
  readonly name: string;
  /** What its manifest's digest has to be; undefined: whatever the tag names. */
  readonly digest: string | undefined;
}

/**
 * Read `oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:...`.
 *
 * @throws {UsageError} for anything else.
 * @example parseRegistryReference("oci://ghcr.io/me/packs:pack.my-report-0123456789ab").name // "pack.my-report-0123456789ab"
 */
export function parseRegistryReference(text: string, options: AddressOptions = {}): RegistryReference {
  const [, place, tag, digest] =
    /^(.*?[^/:@]\/[^:@]*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127})|@(sha256:[0-9a-f]{64}))$/.exec(text) ?? [];
  const name = tag ?? digest;
  if (place === undefined || name === undefined)
    throw new UsageError(`"${text}" names nothing in a registry`, {
      next: "Write oci://HOST/NAME:TAG or oci://HOST/NAME@sha256:DIGEST, as `dstate pack --push` prints it.",
    });
  return { address: parseRegistryAddress(place, options), text, name, digest };
}
