import type { Context } from "../base/context.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { UnreachableError } from "../supply/download.ts";
import { kernelIndex } from "./debian-index.ts";
import { kernelOrgSource } from "./kernel-org.ts";

/** A release's tarball that somebody's signature vouches for, and the places that have its bytes. */
export interface VouchedSource {
  readonly sha256: string;
  /** Undefined: it is in the Debian archive's pool, at the place that its name says. */
  readonly url: string | undefined;
  /** Asked now; the first of them is the one that has it. */
  readonly urls: readonly [string, ...string[]];
  /** Where the same bytes are when the first place has dropped them. */
  readonly elsewhere: string;
  /** Where it is from and who vouches for it, as a clause. */
  readonly from: string;
}

/** kernel.org's own hosts: each has every release. */
const kernelOrgHosts = [
  "https://cdn.kernel.org/pub/linux/kernel",
  "https://mirrors.edge.kernel.org/pub/linux/kernel",
] as const;

/**
 * A release's source that a signature vouches for: kernel.org's list of sums, or else the Debian archive's index. A
 * release candidate has neither at kernel.org.
 *
 * @throws {UsageError} when no place that was asked has it.
 * @throws {InfraError} when no place can be reached, or nobody's key vouches for kernel.org's list.
 */
export async function vouchedSource(version: string, context: Context): Promise<VouchedSource> {
  const unreachable: string[] = [];
  let unsigned: string | undefined;
  let asked = 0;
  for (const place of context.settings.kernelPlaces) {
    try {
      const found = await kernelOrgSource(place, version, context);
      asked += 1;
      if (found?.signed) return fromKernelOrg(place, found);
      unsigned ??= found?.url;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      unreachable.push(messageOf(error));
    }
  }
  try {
    const found = await fromDebian(version, context);
    asked += 1;
    if (found) return found;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof InfraError)) throw error;
    unreachable.push(messageOf(error));
  }
  if (unsigned !== undefined) {
    throw new InfraError(
      `${unsigned} has a sha256 in the list beside it, but no key here vouches for that list`,
      {
        next: "Get the key of kernel.org's list with `gpg --locate-keys autosigner@kernel.org`, and run again.",
      },
    );
  }
  if (asked === 0) {
    throw new InfraError(`no place that vouches for a source can be reached: ${unreachable.join("; ")}`, {
      next: "Run this on a machine that reaches kernel.org, or name a mirror: DSTATE_KERNEL_PLACES, DSTATE_DEBIAN_MIRROR.",
    });
  }
  throw new UsageError(`no place that was asked has Linux ${version}`, {
    next: "Releases are listed at https://www.kernel.org; a release candidate has no signed sha256.",
  });
}

function fromKernelOrg(
  place: string,
  { url, sha256, checked }: { url: string; sha256: string; checked: string },
): VouchedSource {
  const below = url.slice(place.replace(/\/+$/, "").length);
  const other = kernelOrgHosts.find((host) => !url.startsWith(`${host}/`)) ?? kernelOrgHosts[0];
  return { sha256, url, urls: [url], elsewhere: `${other}${below}`, from: `From ${url}, ${checked}` };
}

async function fromDebian(version: string, context: Context): Promise<VouchedSource | undefined> {
  const index = await kernelIndex(context, { age: "fresh" });
  // Where its name says: Nix' own list of mirrors, and the pool of any, have it there.
  const path = `pool/main/l/linux/linux_${version.replace("-rc", "~rc")}.orig.tar.xz`;
  const found = index?.sources.find(
    (source) => source.version === version && source.file.url.endsWith(`/${path}`),
  );
  if (!found) return undefined;
  const { url, sha256 } = found.file;
  const archive = found.suite.endsWith("-security") ? "debian-security" : "debian";
  // It answers any time with what the archive had then. https://snapshot.debian.org
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  return {
    sha256,
    url: undefined,
    urls: [url],
    elsewhere: `https://snapshot.debian.org/archive/${archive}/${now}/${path}`,
    from: `The Debian archive's source, sha256 from the signed index of ${found.suite}`,
  };
}
