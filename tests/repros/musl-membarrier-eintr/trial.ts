import type { TrialContext } from "../../../src/index.ts";
import { type ContainerOptions, type ContainerResult, runContainer } from "../../../src/runtime/container.ts";
import { provideSeccomp } from "../../../src/runtime/seccomp.ts";
import { parseStrace, type Traced } from "./strace.ts";

/** What the program tells of its thread's last poll. */
export interface Polled {
  readonly returned: number;
  /** 4 is EINTR. */
  readonly errno: number;
  /** How many polls ended with EINTR, retried ones too. */
  readonly interrupted: number;
  readonly tookMs: number;
  /** How long the other library took to load. */
  readonly dlopenMs: number;
}

export interface Observation {
  readonly polled: Polled | undefined;
  readonly traced: Traced;
  readonly cause: { readonly kind: "signal-34" | "none" | "unknown"; readonly evidence: readonly string[] };
}

/** Run the program in a container twice: as it is, for the outcome, and under strace, to see the signal arrive. */
export async function observe({
  vm,
  cell,
  workload,
  signal,
  evidence,
  say,
}: TrialContext): Promise<Observation> {
  const seccomp = await provideSeccomp(cell.axes.seccomp ?? "unconfined");
  const folder = `${workload}/${cell.axes.libc}`;
  const options: ContainerOptions = {
    args: [
      `${folder}/load`,
      `${folder}/libwatcher.so`,
      `${folder}/libinterrupt.so`,
      cell.axes.wait ?? "poll",
    ],
    env: cell.env,
    seccomp,
    binds: [{ source: workload, destination: workload, access: "read-only" }],
  };
  say("the two libraries in a container");
  const run = await runContainer(vm.guest, { id: "plain", ...options, within: "60s", signal });
  say("the same under strace");
  const strace = ["strace", "-f", "-o", "/tmp/strace.txt"];
  const filter = ["-e", "trace=membarrier,poll,ppoll,tkill", "-e", "signal=all"];
  await runContainer(vm.guest, {
    id: "traced",
    ...options,
    under: [...strace, ...filter],
    within: "60s",
    signal,
  });
  const text = (await vm.guest.exec(["cat", "/tmp/strace.txt"], { signal })).stdout;
  await evidence.saveText("stdout.txt", run.stdout);
  await evidence.saveText("stderr.txt", run.stderr);
  await evidence.saveText("strace.txt", text);
  const polled = readPolled(run);
  const traced = parseStrace(text);
  return { polled, traced, cause: causeOf(polled, traced) };
}

function readPolled({ stdout, exitCode }: ContainerResult): Polled | undefined {
  return exitCode === 0 ? JSON.parse(stdout) : undefined;
}

function causeOf(polled: Polled | undefined, traced: Traced): Observation["cause"] {
  const [refused] = traced.refused;
  const [arrived] = traced.signals;
  if (polled === undefined || polled.interrupted === 0) {
    return { kind: "none", evidence: [...(refused ? [refused.line] : []), ...(arrived ? [arrived] : [])] };
  }
  if (!refused || !arrived) return { kind: "unknown", evidence: traced.interruptedPolls };
  return { kind: "signal-34", evidence: [refused.line, arrived, ...traced.interruptedPolls.slice(0, 1)] };
}
