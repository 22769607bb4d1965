import type { CellRate, UpstreamFacts } from "./facts.ts";
import { regzbotLine } from "./regzbot.ts";

/** The two sentences that a busy maintainer reads. */
export function leadOf({ trial, parts, summary, rates }: UpstreamFacts): string[] {
  const release = parts?.kernel.version ?? trial.cell?.kernel ?? "an unnamed kernel";
  const node = parts?.node;
  const place = `On Linux ${release}${node === undefined ? "" : ` with Node ${node.version} (libuv ${node.libuv})`}`;
  const first = `${place}: ${summary === "" ? (trial.outcome ?? "") : summary}${/[.!?]$/.test(summary) ? "" : "."}`;
  const here = rates.find(({ title }) => title === trial.title);
  const controls = rates.filter(({ bad, good }) => bad === 0 && good > 0);
  const none = controls.reduce((sum, { good }) => sum + good, 0);
  const [only, ...more] = controls;
  const others = more.length > 0 ? `${controls.length} other set-ups (below)` : (only?.change ?? "");
  const not =
    only === undefined ? "" : `, and not in ${none} ${none === 1 ? "trial" : "trials"} with ${others}`;
  return [first, ...(here === undefined ? [] : [`Seen in ${countOf(here)}${not}.`])];
}

/** @example countOf(rate) // "3 of 4 trials" */
export function countOf({ bad, good }: CellRate): string {
  return `${bad} of ${bad + good} ${bad + good === 1 ? "trial" : "trials"}`;
}

/** The interval of a true rate, in words. @example intervalOf(rate) // "true rate 21 to 100 %" */
export function intervalOf({ bad, good, low, high }: CellRate): string {
  if (bad + good === 0) return "no trial could be judged";
  const percent = (share: number): string => (100 * share).toFixed(0);
  if (bad === 0) return `true rate below ${percent(high)} %`;
  return good === 0 ? `true rate above ${percent(low)} %` : `true rate ${percent(low)} to ${percent(high)} %`;
}

/** Versions of everything that took part, one line each. */
export function versionsOf({ parts, trial, host, load, dstate }: UpstreamFacts): string[] {
  const node = parts?.node;
  return [
    ...(parts === undefined ? [] : [`Kernel: ${parts.kernel.provenance}`]),
    ...(parts?.kernel.configSha256 === undefined
      ? []
      : [`Kernel configuration: kernel-config, attached; sha256 ${parts.kernel.configSha256}`]),
    ...(parts === undefined ? [] : [`Guest system: ${parts.image.provenance}`]),
    ...(node === undefined
      ? []
      : [`Node ${node.version}, libuv ${node.libuv}${node.npm === undefined ? "" : `, npm ${node.npm}`}`]),
    ...(trial.machine === undefined ? [] : [`QEMU ${trial.machine.qemu}, ${trial.machine.acceleration}`]),
    ...(host.cores === 0
      ? []
      : [
          `Host: ${host.system}, Linux ${host.kernel}, ${host.cores} x ${host.cpu}${load === undefined ? "" : `, ${Math.round(100 * load.busy)} % busy, ${Math.round(100 * load.steal)} % steal`}`,
        ]),
    `dstate ${dstate.version}${dstate.revision === undefined ? "" : ` (${dstate.revision})`}`,
  ];
}

/** Where it was seen, and how often. */
export function seenIn({ rates }: UpstreamFacts): string[] {
  return rates
    .filter(({ bad }) => bad > 0)
    .map((rate) => {
      const more = rate.undecided === 0 ? "" : `; ${rate.undecided} more could not be judged`;
      return `${rate.title}: ${countOf(rate)} (${intervalOf(rate)}${more})`;
    });
}

/** What was tried and does not show it: what is another there, and how often it was tried. */
export function controlsOf({ rates }: UpstreamFacts): string[] {
  return (
    rates
      // A cell that was not tried is not told of.
      .filter(({ bad, good, undecided }) => bad === 0 && good + undecided > 0)
      .map((rate) =>
        rate.good === 0
          ? `${rate.change}: ${rate.undecided} tried, none could be judged`
          : `${rate.change}: ${countOf(rate)} (${intervalOf(rate)})`,
      )
  );
}

/** What a bisection says, with the bot's line. */
export function bisectionOf({ bisect }: UpstreamFacts): string[] {
  if (bisect === undefined) return [];
  const line = regzbotLine(bisect);
  return [`Bisected over ${bisect.range}: ${bisect.conclusion}`, ...(line === undefined ? [] : [line])];
}
