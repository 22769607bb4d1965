/** How upstream writes a release. */
export const releasePattern = /^\d+\.\d+(\.\d+)?(-rc\d+)?$/;

/**
 * Order two Debian version strings as dpkg does: digits by value, letters before other signs, `~` before
 * everything, even the end.
 *
 * @see https://man7.org/linux/man-pages/man7/deb-version.7.html
 * @example compareDebianVersions("6.12.43-1~bpo12+1", "6.12.43-1") // negative
 */
export function compareDebianVersions(left: string, right: string): number {
  const a = debianParts(left);
  const b = debianParts(right);
  return a.epoch - b.epoch || compareParts(a.upstream, b.upstream) || compareParts(a.revision, b.revision);
}

/**
 * Order two upstream kernel versions: release candidates before their release, 6.1.9 before 6.1.10, and
 * 6.1 the same as 6.1.0.
 *
 * @example ["6.1.10", "6.1.9", "6.1-rc3"].sort(compareKernelVersions) // ["6.1-rc3", "6.1.9", "6.1.10"]
 */
export function compareKernelVersions(left: string, right: string): number {
  return compareParts(comparable(left), comparable(right));
}

/**
 * The upstream version inside a Debian version of the kernel.
 *
 * @example upstreamVersion("7.3~rc7-1~exp1") // "7.3-rc7"
 */
export function upstreamVersion(debianVersion: string): string {
  return debianParts(debianVersion).upstream.replace("~rc", "-rc");
}

/**
 * The versions of a list that come closest to one that is not in it, nearest first: those of the same line
 * before those of others.
 *
 * @example nearestKernels("6.1.116", ["6.1.106", "6.1.115", "5.10.1"], 2) // ["6.1.115", "6.1.106"]
 */
export function nearestKernels(wanted: string, known: readonly string[], count = 5): string[] {
  const at = numbersOf(wanted);
  const distance = (version: string): number[] => {
    const numbers = numbersOf(version);
    return at.map((number, index) => Math.abs(number - (numbers[index] ?? 0)));
  };
  return [...new Set(known)]
    .map((version) => ({ version, distance: distance(version) }))
    .sort((a, b) => {
      const index = a.distance.findIndex((value, index) => value !== b.distance[index]);
      return index < 0
        ? compareKernelVersions(b.version, a.version)
        : (a.distance[index] ?? 0) - (b.distance[index] ?? 0);
    })
    .slice(0, count)
    .map(({ version }) => version);
}

function numbersOf(version: string): [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = (version.match(/\d+/g) ?? []).map(Number);
  return [major, minor, version.includes("rc") ? 0 : patch];
}

function comparable(version: string): string {
  const full = /^\d+\.\d+(?!\.?\d)/.test(version) ? version.replace(/^\d+\.\d+/, "$&.0") : version;
  return full.replace("-rc", "~rc");
}

function debianParts(version: string): { epoch: number; upstream: string; revision: string } {
  const [, epoch = "0", rest = version] = /^(\d+):(.*)$/.exec(version) ?? [];
  const dash = rest.lastIndexOf("-");
  return {
    epoch: Number(epoch),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** Pieces without and with digits alternate; the first that differs decides. */
function compareParts(left: string, right: string): number {
  const a = left.match(/\d+|\D+/g) ?? [];
  const b = right.match(/\d+|\D+/g) ?? [];
  const pieces = (list: string[]): string[] => (/^\d/.test(list[0] ?? "") ? ["", ...list] : list);
  const [as, bs] = [pieces(a), pieces(b)];
  for (let index = 0; index < Math.max(as.length, bs.length); index += 1) {
    const [x = "", y = ""] = [as[index], bs[index]];
    const order = index % 2 === 0 ? compareText(x, y) : compareNumbers(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function compareNumbers(left: string, right: string): number {
  const difference = BigInt(left || "0") - BigInt(right || "0");
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function compareText(left: string, right: string): number {
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = weight(left[index]) - weight(right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function weight(sign: string | undefined): number {
  if (sign === undefined) return 0;
  if (sign === "~") return -1;
  return /[a-z]/i.test(sign) ? sign.charCodeAt(0) : sign.charCodeAt(0) + 256;
}
