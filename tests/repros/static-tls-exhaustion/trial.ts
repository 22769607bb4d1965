import type { TlsAudit, TrialContext } from "../../../src/index.ts";

/** What a trial of this report saw. */
export interface Observation {
  readonly loaded: boolean;
  /** What node says when it cannot load the addon. */
  readonly error: string;
  readonly exitCode: number | null;
  /** The smallest thread-local that does not load, in bytes; null: none up to `most` fails. */
  readonly smallest: { readonly fails: number | null; readonly most: number } | undefined;
  /** Lines about threads that could not be made: what an enlarged static TLS block does. */
  readonly threadTrouble: readonly string[];
  /** Every object of the process that has thread-locals, largest first. */
  readonly objects: readonly TlsAudit[];
  readonly cause: { readonly kind: "static-tls" | "none"; readonly evidence: readonly string[] };
}

/** Load the addon, look for the limit, and list who uses thread-local storage in that process. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const addon = `${workload}/${cell.axes.addon}.node`;
  const env = { ...cell.env, ...(cell.axes.preload === "addon" ? { LD_PRELOAD: addon } : {}) };
  say("loading the addon");
  const run = await vm.guest.exec(["node", `${workload}/load.cjs`, addon], {
    env,
    signal,
    allowFailure: true,
  });
  await evidence.saveText("load-stdout.txt", run.stdout);
  await evidence.saveText("load-stderr.txt", run.stderr);
  const seen = readLoad(run.stdout);
  say("searching the smallest size that fails");
  const search = await vm.guest.exec(["node", `${workload}/smallest.mjs`, addon, "16384"], {
    env: cell.env,
    within: "2m",
    signal,
    allowFailure: true,
  });
  await evidence.saveText("smallest.txt", `${search.stdout}\n${search.stderr}`);
  say("reading the process' objects");
  const objects = await vm.tls({ files: [...seen.objects, addon], others: "skip" }, { signal });
  await evidence.saveJson("tls.json", objects);
  const failed = seen.error.includes("cannot allocate memory in static TLS block");
  return {
    loaded: seen.loaded,
    error: seen.error,
    exitCode: run.exitCode,
    smallest: search.exitCode === 0 ? JSON.parse(search.stdout) : undefined,
    threadTrouble: run.stderr.split("\n").filter((line) => line.includes("pthread_create")),
    objects,
    cause: failed
      ? {
          kind: "static-tls",
          evidence: [seen.error, ...objects.filter(({ object }) => object === addon).map(describe)],
        }
      : { kind: "none", evidence: [] },
  };
}

function readLoad(stdout: string): { loaded: boolean; error: string; objects: string[] } {
  const line = stdout.split("\n").find((text) => text.startsWith("{"));
  return line === undefined ? { loaded: false, error: "", objects: [] } : JSON.parse(line);
}

/** One object's use as a line. */
export function describe({ object, bytes, model, symbols }: TlsAudit): string {
  const largest = symbols.slice(0, 3).map((symbol) => `${symbol.name} ${symbol.bytes}`);
  return `${object}: PT_TLS ${bytes} bytes, ${model}${largest.length > 0 ? `; ${largest.join(", ")}` : ""}`;
}
