import { defineRepro } from "../../../src/index.ts";
import { compileTests } from "./prepare.ts";
import { observe } from "./trial.ts";

export default defineRepro({
  id: "epoll-mt-conformance",
  title: "epoll registrations made by a multi-threaded process are dropped, and node never exits",
  upstream: ["https://github.com/sysprog21/elfuse/pull/73"],
  axes: {
    kernel: ["6.1.129", "deb:5.10", "deb:7.2"],
    node: ["20.9.0", "24.21.0"],
    own: { layer: ["kernel", "drop-shim", "qemu-user"] },
  },
  cells: {
    bad: [{ axes: { layer: "drop-shim" } }],
    control: [{ axes: { layer: "kernel" } }, { axes: { layer: "qemu-user" } }],
  },
  workload: new URL("./workload/", import.meta.url),
  prepare: { key: ({ axes }) => ({ recipe: 2, qemu: axes.layer === "qemu-user" }), make: compileTests },
  deadline: "5m",
  trial: observe,
  signature: ({ cause }) => cause.kind === "registrations-dropped",
  healthy: ({ cause }) => cause.kind === "none",
  summary: ({ results, layer, cause }) => {
    const good = results.filter(({ state }) => state === "ok").length;
    return `${layer}: ${good} of ${results.length} tests pass${cause.evidence.length > 0 ? `; ${cause.evidence.slice(0, 4).join(", ")}` : ""}`;
  },
  columns: ({ results }) => ({
    passed: `${results.filter(({ state }) => state === "ok").length} of ${results.length}`,
    failed: results
      .filter(({ state }) => state !== "ok")
      .map(({ name, state }) => (state === "missing" ? `${name} (not reached)` : name))
      .join("\n"),
  }),
});
