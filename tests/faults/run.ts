import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/base/errors.ts";
import { chanceOf, type Fault } from "./fault.ts";
import { fileFaults } from "./files.ts";
import { guestFaults } from "./guests.ts";
import { machineFaults } from "./machines.ts";
import { runFaults } from "./runs.ts";

export const faults: readonly Fault[] = [...fileFaults, ...machineFaults, ...guestFaults, ...runFaults];

/** Of one fault, how it went. */
export interface Tally {
  readonly fault: Fault;
  injected: number;
  readonly outcomes: Map<string, number>;
  /** What went wrong, each with the seed that repeats it. */
  readonly wrong: { readonly seed: number; readonly what: string }[];
  readonly left: { readonly seed: number; readonly what: string }[];
}

/**
 * Inject faults in turn, each at the moments that its seed chooses.
 *
 * @param options.seed of the first injection; the next one has the next seed.
 */
export async function injectAll(options: {
  readonly seed: number;
  readonly count: number;
  readonly faults: readonly Fault[];
  readonly signal: AbortSignal;
  readonly tell?: (line: string) => void;
}): Promise<Tally[]> {
  const tallies = options.faults.map(
    (fault): Tally => ({ fault, injected: 0, outcomes: new Map(), wrong: [], left: [] }),
  );
  for (let index = 0; index < options.count; index += 1) {
    options.signal.throwIfAborted();
    const tally = tallies[index % tallies.length];
    if (!tally) break;
    const seed = options.seed + index;
    const dir = await mkdtemp(join(tmpdir(), "dstate-fault-"));
    try {
      const { outcome, wrong } = await tally.fault
        .inject(chanceOf(seed), dir, options.signal)
        .catch((error: unknown) => ({ outcome: "failed", wrong: messageOf(error) }));
      tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
      if (wrong !== undefined) tally.wrong.push({ seed, what: wrong });
      const left = await leftOvers(dir);
      if (left !== undefined) tally.left.push({ seed, what: left });
      tally.injected += 1;
      if (wrong !== undefined || left !== undefined)
        options.tell?.(`WRONG (--seed ${seed} --only "${tally.fault.name}" --count 1): ${wrong ?? left}`);
      else options.tell?.(`${index + 1}/${options.count} ${tally.fault.name}: ${outcome}`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
  return tallies;
}

/** Processes that still run in a folder, and what is mounted in it. */
async function leftOvers(dir: string): Promise<string | undefined> {
  const mounts = (await readFile("/proc/mounts", "utf8")).split("\n").filter((line) => line.includes(dir));
  if (mounts.length > 0) return `mounted: ${mounts[0]}`;
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    // Whose words say nothing of it was told of it by its environment.
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (command.includes(dir) || environment.includes(dir))
      return `a process: ${command.replaceAll("\0", " ").slice(0, 200)}`;
  }
  return undefined;
}

/** The table of docs/reliability.md. */
export function renderTallies(tallies: readonly Tally[]): string {
  const rows = tallies.map(({ fault, injected, outcomes, wrong, left }) => {
    const seen = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(", ");
    return `| ${fault.name} | ${fault.holds} | ${injected} | ${seen} | ${wrong.length} | ${left.length} |`;
  });
  return [
    "| fault | what has to hold | injected | outcomes | wrong | left over |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}
