import { type Cell, type TrialContext, underQemuUser } from "../../../src/index.ts";
import { parseResults, type TestResult } from "./results.ts";

export interface Observation {
  readonly layer: string;
  readonly results: readonly TestResult[];
  readonly cause: {
    readonly kind: "registrations-dropped" | "other-failures" | "none";
    readonly evidence: readonly string[];
  };
}

/** A registration that was made while the process had several threads must deliver. */
const deliveries = [
  "eventfd-delivers",
  "pipe-delivers",
  "other-thread-wakes",
  "edge-triggered",
  "reopen-delivers",
];

/** How a program is started in each layer. */
function inLayer(layer: string, workload: string, argv: readonly string[]): readonly string[] {
  switch (layer) {
    case "drop-shim":
      return ["env", `LD_PRELOAD=${workload}/drop.so`, ...argv];
    case "qemu-user":
      return underQemuUser(`${workload}/qemu`, argv);
    default:
      return argv;
  }
}

/**
 * The guest's command `node`, which on NixOS is a script that finds a release its libraries. qemu-user starts binaries
 * only: there the libraries' place has to be said (vm/nixos/runtime.nix).
 */
function nodeIn(layer: string, { image, node }: Cell): readonly string[] {
  if (layer !== "qemu-user") return ["node"];
  const binary = node === "image" ? "/etc/dstate/runtime/node" : "/opt/node/bin/node";
  return image === "nixos" ? ["-E", "LD_LIBRARY_PATH=/etc/dstate/runtime/lib", binary] : [binary];
}

/**
 * How long Node has, by the guest's clock. Where registrations are dropped it never ends, and this is waited out; elsewhere
 * it ends by itself, emulated not within 90 s on a host that gave the machine a fifth of its time.
 */
const nodeSeconds: Readonly<Record<string, number>> = { "drop-shim": 30, kernel: 120, "qemu-user": 200 };

/** Run the C tests and Node's in the cell's layer. Both write to pipes, for that is what ssh's channels are. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const layer = cell.axes.layer ?? "kernel";
  const run = async (name: string, seconds: number, argv: readonly string[]) => {
    say(name);
    // timeout(1) ends what hangs, from outside the layer.
    const line = ["timeout", "-k", "2", `${seconds}`, ...inLayer(layer, workload, argv)];
    // A real pipe, whatever the channel to the guest is made of.
    const result = await vm.guest.exec(["bash", "-o", "pipefail", "-c", '"$@" | cat', "bash", ...line], {
      within: `${seconds + 20}s`,
      env: cell.env,
      signal,
      allowFailure: true,
    });
    await evidence.saveText(`${name}.txt`, `${result.stdout}\n${result.stderr}\nexit ${result.exitCode}\n`);
    return result;
  };
  const conformance = await run("conformance", 120, [`${workload}/conformance`]);
  const node = await run("node", nodeSeconds[layer] ?? 120, [...nodeIn(layer, cell), `${workload}/node.mjs`]);
  const exit =
    node.exitCode === 0
      ? "ok node-exit"
      : `not ok node-exit: ${node.exitCode === 124 ? "had to be ended at its deadline" : `exit code ${node.exitCode}`}`;
  const results = parseResults(`${conformance.stdout}\n${node.stdout}\n${exit}`);
  await evidence.saveJson("results.json", results);
  const bad = results.filter(({ state }) => state !== "ok");
  const lines = bad.map(({ name, state, found }) => `${state} ${name}${found ? `: ${found}` : ""}`);
  const dropped = bad.some(({ name, state }) => state === "not ok" && deliveries.includes(name));
  const kind = dropped ? "registrations-dropped" : bad.length > 0 ? "other-failures" : "none";
  return { layer, results, cause: { kind, evidence: lines } };
}
