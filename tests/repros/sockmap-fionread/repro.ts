import { defineRepro } from "../../../src/index.ts";
import { compileWorkload } from "./prepare.ts";
import { observe } from "./trial.ts";

export default defineRepro({
  id: "sockmap-fionread",
  title: "FIONREAD says that a socket in a sockmap has nothing to read, while it has",
  upstream: [
    "https://github.com/grafana/beyla/issues/3025",
    "https://github.com/grafana/beyla/issues/2941",
    "https://github.com/open-telemetry/opentelemetry-ebpf-instrumentation/issues/2827",
  ],
  axes: {
    kernel: ["deb:6.12.85", "deb:6.12.74", "deb:6.12.118", "deb:7.2"],
    own: { program: ["sk-msg", "verdict", "none"] },
  },
  cells: {
    bad: [{ kernel: "deb:6.12.85" }],
    control: [
      { kernel: "deb:6.12.85", axes: { program: "verdict" } },
      { kernel: "deb:6.12.85", axes: { program: "none" } },
      { kernel: "deb:6.12.74" },
      { kernel: "deb:6.12.118" },
    ],
  },
  workload: new URL("./workload/", import.meta.url),
  prepare: { key: () => ({ recipe: 1 }), make: compileWorkload },
  // Distributions' kernels have it.
  kernelFragments: ({ kernel }) => (/^(\d|git:)/.test(kernel) ? ["CONFIG_BPF_STREAM_PARSER=y"] : []),
  deadline: "3m",
  trial: observe,
  // Data that never came would be another failure.
  signature: ({ counts, cause }) =>
    counts !== undefined && counts.least === 0 && counts.received === counts.sent && cause.kind === "sockmap",
  healthy: ({ counts }) =>
    counts !== undefined &&
    counts.right === counts.rounds &&
    counts.edges === counts.rounds &&
    counts.received === counts.sent,
  summary: ({ counts, error, cause }) =>
    counts === undefined
      ? `the program could not do its work: ${error}`
      : `FIONREAD was right in ${counts.right} of ${counts.rounds} rounds (it said ${counts.least === counts.most ? counts.least : `${counts.least} to ${counts.most}`} of 1000), ` +
        `epoll told of the data in ${counts.edges}; ${counts.received} of ${counts.sent} bytes were read` +
        (cause.kind === "sockmap" ? "; a socket in no sockmap is answered rightly" : ""),
  columns: ({ counts, cause }) => ({
    right: counts ? `${counts.right} of ${counts.rounds}` : "not run",
    edges: counts ? `${counts.edges} of ${counts.rounds}` : "",
    cause: cause.kind,
  }),
});
