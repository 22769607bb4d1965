import { formatBytes } from "../base/size.ts";
import { sanitize } from "../base/text.ts";
import type { Hunted, SeedRate } from "../campaign/hunt.ts";

/** What a hunt came to, for people. */
export function renderHunt({ seeds, found, rate, byShift, next }: Hunted): string {
  const last = seeds.at(-1);
  const unjudged = seeds.length - rate.judged;
  return [
    found && last
      ? `seed ${last.seed} fails: ${sanitize(found.summary, { maxLength: 1000 })}`
      : `no seed of ${seeds.length} fails`,
    `${rateText(rate)}${unjudged === 0 ? "" : `; ${unjudged} could not be judged`}`,
    ...(byShift.length > 1 ? byShift.map((each) => `  shift ${each.shift}: ${rateText(each)}`) : []),
    ...(found?.recorded
      ? [
          `recorded: ${formatBytes(found.recorded.logBytes)} and ${formatBytes(found.recorded.diskBytes)} of disks; run it again: dstate replay ${found.evidence}`,
        ]
      : []),
    `go on with --seed ${next}`,
  ].join("\n");
}

function rateText({ reproduced, judged, rate, low, high }: SeedRate): string {
  if (judged === 0) return "no trial could be judged";
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  return `${reproduced} of ${judged} trials reproduced: ${percent(rate)}, in truth ${percent(low)} to ${percent(high)} (95 %)`;
}
