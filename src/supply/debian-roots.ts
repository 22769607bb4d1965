import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";

/** Roots of the Debian archive: the folders that hold `dists/` and `pool/`. */
export interface DebianRoots {
  readonly main: string;
  readonly security: string;
}

const next =
  "Set DSTATE_DEBIAN_MIRROR to the root of a Debian archive, the URL that has dists/ and pool/ below it.";

/**
 * Where the Debian archive is: what the settings say, else what this machine's own apt uses.
 *
 * @throws {InfraError} when there is neither.
 */
export async function debianRoots(context: Context): Promise<DebianRoots> {
  const { debianMirror } = context.settings;
  if (debianMirror !== undefined) {
    const main = debianMirror.replace(/\/+$/, "");
    return { main, security: `${main}-security` };
  }
  const { stdout } = await command(["apt-get", "indextargets", "--format", "$(LABEL) $(SITE)"], {
    within: timeouts.host.ask,
    signal: context.signal,
    install: `This machine has no apt that names a Debian archive. ${next}`,
  });
  const roots = rootsOfIndexTargets(stdout);
  if (!roots) {
    throw new InfraError(
      "this machine's apt names no Debian archive over HTTP, or has no package lists yet",
      {
        next: `Run \`apt-get update\` on a Debian machine, or: ${next}`,
      },
    );
  }
  return roots;
}

/**
 * The archive's roots from apt's own list of what it downloads, one `label site` a line.
 *
 * @see https://man7.org/linux/man-pages/man8/apt-get.8.html (indextargets)
 */
export function rootsOfIndexTargets(text: string): DebianRoots | undefined {
  const find = (label: string): string | undefined =>
    text
      .split("\n")
      .map((line) => line.trim().split(" "))
      .find(([found, site]) => found === label && /^https?:/.test(site ?? ""))?.[1]
      ?.replace(/\/+$/, "");
  const main = find("Debian");
  return main === undefined ? undefined : { main, security: find("Debian-Security") ?? `${main}-security` };
}
