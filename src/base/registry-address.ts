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

/**
 * Read `oci://HOST/NAME`. It is asked over https, and over http only where it is this host itself or the user says so.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests
 * @throws {UsageError} for anything else.
 * @example parseRegistryAddress("oci://127.0.0.1:5000/cache").origin // "http://127.0.0.1:5000"
 */
export function parseRegistryAddress(
  text: string,
  options: { readonly plainHttp?: boolean } = {},
): RegistryAddress {
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
