import type { TrialContext } from "../../../src/index.ts";
import { type Counts, parseCounts } from "./counts.ts";

/** What a trial of this report saw. */
export interface Observation {
  /** Undefined: the program did not get that far; `error` says why. */
  readonly counts: Counts | undefined;
  readonly error: string;
  readonly cause: {
    /** `sockmap`: only sockets in a sockmap are answered wrongly; `everywhere`: those that are in none too. */
    readonly kind: "sockmap" | "everywhere" | "none" | "unknown";
    readonly evidence: readonly string[];
  };
}

const rounds = 50;

/** Ask a socket in a sockmap how much can be read of it; and, where that is answered wrongly, one that is in none. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const program = cell.axes.program ?? "sk-msg";
  const run = async (way: string) => {
    say(`${rounds} rounds, ${way}`);
    const result = await vm.guest.exec([`${workload}/fionread`, way, `${rounds}`], {
      within: "150s",
      env: cell.env,
      signal,
      allowFailure: true,
    });
    await evidence.saveText(`${way}.txt`, `${result.stdout}${result.stderr}exit ${result.exitCode}\n`);
    return { ...result, counts: parseCounts(result.stdout) };
  };
  const { counts, stdout, stderr } = await run(program);
  const error = counts ? "" : stderr.trim() || "the program said nothing";
  if (!counts) return { counts, error, cause: { kind: "unknown", evidence: [error] } };
  if (counts.right === counts.rounds) return { counts, error, cause: { kind: "none", evidence: [] } };
  if (program === "none")
    return { counts, error, cause: { kind: "everywhere", evidence: [`none: ${stdout.trim()}`] } };
  const plain = await run("none");
  const lines = [`${program}: ${stdout.trim()}`, `none: ${plain.stdout.trim()}`];
  if (!plain.counts) return { counts, error, cause: { kind: "unknown", evidence: lines } };
  const isRight = plain.counts.right === plain.counts.rounds;
  return { counts, error, cause: { kind: isRight ? "sockmap" : "everywhere", evidence: lines } };
}
