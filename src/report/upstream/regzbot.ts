import type { RunRecord } from "../../record/run-record.ts";

/**
 * The line by which the kernel's regression bot learns what a regression came with; undefined: no bisection of this
 * run found it.
 *
 * @see https://gitlab.com/knurd42/regzbot/-/blob/main/docs/reference.md
 * @example regzbotLine(bisect) // "#regzbot introduced: 0123456789ab"
 */
export function regzbotLine(bisect: RunRecord["bisect"]): string | undefined {
  if (bisect?.found !== true) return undefined;
  const likely = Math.max(...bisect.candidates.map(({ probability }) => probability));
  const at = bisect.candidates.findIndex(({ probability }) => probability === likely);
  const culprit = bisect.candidates[at]?.name ?? "";
  if (bisect.range.startsWith("git ") && /^[0-9a-f]{7,40}\b/.test(culprit))
    return `#regzbot introduced: ${culprit.split(/\s/)[0]}`;
  const before = bisect.candidates[at - 1]?.name;
  const isRelease = (name: string | undefined): name is string => /^\d+\.\d+(\.\d+)?$/.test(name ?? "");
  // Releases of a kernel are its tags.
  if (bisect.range.startsWith("kernel ") && isRelease(culprit) && isRelease(before))
    return `#regzbot introduced: v${before}..v${culprit}`;
  return undefined;
}
