import { type Cell, type Context, checkSeccomp, defineRepro, UsageError } from "../../../src/index.ts";

import { compileAll } from "./prepare.ts";
import { observe } from "./trial.ts";

const EINTR = 4;

async function check({ axes, image, node }: Cell, context: Context): Promise<void> {
  await checkSeccomp(axes.seccomp, context);
  if (axes.program !== "node") return;
  const own = image === "nixos" && node === "image";
  if (axes.libc === "musl" && !own) {
    throw new UsageError("there is no official build of node for musl", {
      next: "Choose --image nixos --node image, whose node is compiled for musl, or --axis libc=glibc.",
    });
  }
  if (axes.libc === "glibc" && own) {
    throw new UsageError(
      "the report's addons are compiled for a Node release, and not for the image's own node",
      {
        next: "Name a release, such as --node 20.9.0.",
      },
    );
  }
}

export default defineRepro({
  id: "musl-membarrier-eintr",
  title: "on musl, poll() ends with EINTR when another library is loaded and membarrier is refused",
  upstream: ["https://github.com/parcel-bundler/watcher/issues/141"],
  axes: {
    kernel: ["6.1.129", "deb:5.10", "deb:7.2"],
    node: ["20.9.0"],
    files: ["seccomp"],
    own: {
      seccomp: ["membarrier-eperm", "default", "unconfined"],
      libc: ["musl", "glibc"],
      program: ["c", "node"],
      wait: ["poll", "ppoll-masked", "poll-retry"],
      config: ["as-it-is", "no-membarrier"],
    },
  },
  cells: {
    bad: [
      { axes: { seccomp: "membarrier-eperm" } },
      { axes: { seccomp: "unconfined", config: "no-membarrier" } },
    ],
    control: [
      { axes: { seccomp: "unconfined" } },
      { axes: { seccomp: "default" } },
      { axes: { libc: "glibc" } },
      { axes: { libc: "glibc", program: "node" } },
      { axes: { wait: "ppoll-masked" } },
      { axes: { wait: "poll-retry" } },
    ],
  },
  check,
  workload: new URL("./workload/", import.meta.url),
  prepare: {
    key: ({ axes, node }) => ({
      recipe: 4,
      ...(axes.program === "node" ? { node, libc: axes.libc } : {}),
    }),
    make: compileAll,
  },
  // RSEQ selects MEMBARRIER.
  kernelFragments: ({ axes }) =>
    axes.config === "no-membarrier" ? ["CONFIG_MEMBARRIER=n", "CONFIG_RSEQ=n"] : [],
  // Every NixOS guest has musl's loader; a node for musl is another system.
  nixosSystem: ({ axes }) => (axes.libc === "musl" && axes.program === "node" ? "musl" : undefined),
  deadline: "3m",
  trial: observe,
  signature: ({ polled, cause }) => polled?.errno === EINTR && cause.kind === "signal-34",
  // Nothing ever comes through the pipe: a poll that is left alone ends with its timeout.
  healthy: ({ polled }) => polled?.returned === 0,
  summary: ({ polled, cause }) => {
    if (!polled) return "the program did not run to its end";
    const waited = `dlopen took ${polled.dlopenMs} ms`;
    if (polled.errno === EINTR)
      return `poll ended with EINTR after ${polled.tookMs} ms; ${cause.kind === "signal-34" ? "membarrier was refused and signal 34 arrived" : "why is not known"}; ${waited}`;
    return `poll ran to its timeout (${polled.interrupted} interruptions); ${waited}`;
  },
  columns: ({ polled, traced, cause }) => ({
    poll: polled === undefined ? "?" : polled.errno === EINTR ? "EINTR" : `returned ${polled.returned}`,
    "EINTR seen": `${polled?.interrupted ?? "?"}`,
    dlopen: `${polled?.dlopenMs ?? "?"} ms`,
    membarrier: traced.refused[0]?.errno ?? "not refused",
    "signal 34": `${traced.signals.length}`,
    cause: cause.evidence.join("\n"),
  }),
});
