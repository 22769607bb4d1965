import {
  type Cell,
  callsNamed,
  runContainer,
  signalsNamed,
  type TraceEvent,
  type TrialContext,
} from "../../../src/index.ts";

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

/** What strace saw, as lines to be quoted. */
export interface Traced {
  /** The loader's barriers that the system refused, with the name of the errno. */
  readonly refused: readonly { readonly errno: string; readonly line: string }[];
  /** Arrivals of signal 34. */
  readonly signals: readonly string[];
  /** Polls that a signal ended. */
  readonly interruptedPolls: readonly string[];
}

export interface Observation {
  readonly polled: Polled | undefined;
  readonly traced: Traced;
  readonly cause: { readonly kind: "signal-34" | "none" | "unknown"; readonly evidence: readonly string[] };
}

/** Run the program in a container twice: as it is, for the outcome, and under strace, to see the signal arrive. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const container = {
    args: [...commandOf(cell, workload), cell.axes.wait ?? "poll"],
    env: cell.env,
    seccomp: cell.axes.seccomp,
    within: "60s",
    signal,
  } as const;
  say("the two libraries in a container");
  const run = await runContainer(vm.guest, container);
  say("the same under strace");
  const { trace } = await runContainer(vm.guest, {
    ...container,
    trace: { calls: ["membarrier", "poll", "ppoll", "tkill"], signals: "all" },
  });
  await evidence.saveText("stdout.txt", run.stdout);
  await evidence.saveText("stderr.txt", run.stderr);
  await evidence.saveText("strace.txt", trace?.text ?? "");
  const polled: Polled | undefined = run.exitCode === 0 ? JSON.parse(run.stdout) : undefined;
  const traced = readTrace(trace?.events ?? []);
  return { polled, traced, cause: causeOf(polled, traced) };
}

function commandOf({ axes }: Cell, workload: string): string[] {
  if (axes.program !== "node") {
    const folder = `${workload}/${axes.libc}`;
    return [`${folder}/load`, `${folder}/libwatcher.so`, `${folder}/libinterrupt.so`];
  }
  // The image that has a node for musl brings the addons, compiled like it.
  const folder = axes.libc === "musl" ? "/etc/dstate/addons" : `${workload}/${axes.libc}`;
  return ["node", `${workload}/load.cjs`, `${folder}/watcher.node`, `${folder}/interrupt.node`];
}

/** What a trace tells of membarrier, signal 34, and polls. */
export function readTrace(events: readonly TraceEvent[]): Traced {
  return {
    refused: callsNamed(events, "membarrier").flatMap(({ args, errno, line }) =>
      args.startsWith("MEMBARRIER_CMD_PRIVATE_EXPEDITED") && errno !== undefined ? [{ errno, line }] : [],
    ),
    // strace's name for 34.
    signals: signalsNamed(events, "SIGRT_2").map(({ line }) => line),
    // A poll that is interrupted ends with one of the kernel's own codes or with EINTR.
    interruptedPolls: callsNamed(events, "poll", "ppoll")
      .filter(({ errno }) => errno === "EINTR" || errno?.startsWith("ERESTART"))
      .map(({ line }) => line),
  };
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
