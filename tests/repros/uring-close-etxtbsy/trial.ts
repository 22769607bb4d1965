import type { TrialContext } from "../../../src/index.ts";
import { parseRounds, type Rounds } from "./rounds.ts";

/** What a trial of this report saw. */
export interface Observation {
  /** Undefined: the workload did not get that far; `error` says why. */
  readonly seen: Rounds | undefined;
  readonly error: string;
}

const rounds = 5;

/** Let node write programs on a file system, close them, and start them. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const { fs = "overlay", close = "close" } = cell.axes;
  const mounted = await vm.guest.exec(["sh", `${workload}/mount.sh`, fs], { signal });
  const folder = mounted.stdout.trim();
  say(`${rounds} programs on ${fs}, closed by ${close}`);
  const run = await vm.guest.exec(["node", `${workload}/etxtbsy.mjs`, folder, close, `${rounds}`], {
    within: "120s",
    env: cell.env,
    signal,
    allowFailure: true,
  });
  await evidence.saveText("rounds.txt", `${run.stdout}${run.stderr}exit ${run.exitCode}\n`);
  const seen = run.exitCode === 0 ? parseRounds(run.stdout) : undefined;
  return { seen, error: seen ? "" : run.stderr.trim() || "the program said nothing" };
}
