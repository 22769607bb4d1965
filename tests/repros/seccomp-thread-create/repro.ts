import { checkSeccomp, defineRepro } from "../../../src/index.ts";

import { observe } from "./trial.ts";

const node = "20.9.0";

export default defineRepro({
  id: "seccomp-thread-create",
  title: "node aborts at its start in a container: a thread cannot be created",
  upstream: [
    "https://github.com/nodejs/node/issues/43064",
    "https://github.com/nodejs/docker-node/issues/2008",
    "https://github.com/moby/moby/issues/42680",
  ],
  axes: {
    kernel: ["6.1.129", "deb:5.10", "deb:7.2"],
    node: [node],
    files: ["seccomp"],
    own: {
      seccomp: ["clone3-eperm", "default", "clone3-enosys", "unconfined"],
      limit: ["none", "pids", "nproc", "memory"],
    },
  },
  cells: {
    bad: [
      { axes: { seccomp: "clone3-eperm" } },
      { axes: { seccomp: "default", limit: "pids" } },
      { axes: { seccomp: "default", limit: "nproc" } },
      { axes: { seccomp: "default", limit: "memory" } },
    ],
    control: [
      { axes: { seccomp: "default" } },
      { axes: { seccomp: "clone3-enosys" } },
      { axes: { seccomp: "unconfined" } },
    ],
  },
  check: async ({ axes }, context) => await checkSeccomp(axes.seccomp, context),
  workload: new URL("./workload/", import.meta.url),
  deadline: "6m",
  trial: observe,
  // 134 is SIGABRT as a shell tells it.
  signature: ({ status, assertion }) => status === 134 && assertion !== undefined,
  healthy: ({ status, finished }) => status === 0 && finished,
  summary: ({ status, assertion, cause, finished }) =>
    assertion === undefined
      ? `node ${finished ? "ran" : "did not run"}, status ${status}`
      : `node aborted (status ${status}); cause: ${cause.kind}. ${cause.advice}`,
  columns: ({ status, cause }) => ({
    status: `${status ?? "none"}`,
    cause: cause.kind,
    evidence: cause.evidence.join("\n"),
  }),
});
