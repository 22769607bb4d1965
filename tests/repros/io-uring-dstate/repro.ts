import { defineRepro } from "../../../src/index.ts";
import { prepareNpmCi } from "./prepare.ts";
import { summaryOf } from "./summary.ts";
import { observe } from "./trial.ts";

export default defineRepro({
  id: "io-uring-dstate",
  title: "npm ci hangs, SIGKILL leaves it in D, the machine does not power off",
  upstream: [
    "https://github.com/nodejs/node/issues/55587",
    "https://github.com/libuv/libuv/issues/4598",
    "https://github.com/NixOS/nixpkgs/issues/353709",
    "https://github.com/amazonlinux/amazon-linux-2023/issues/840",
  ],
  axes: {
    kernel: ["6.1.115", "6.1.106", "6.1.129"],
    node: ["20.9.0"],
    env: [{}, { UV_USE_IO_URING: "0" }],
    own: { workload: ["lstat", "npm-ci"] },
    // The report's own: the kernel of its nixpkgs, and node with the shared libuv of the guest.
    images: { nixos: { kernel: "nix:6.6.58", node: "image" } },
  },
  cells: {
    bad: [{ kernel: "6.1.115", node: "20.9.0" }],
    control: [
      // Debian's own of the same line, mended since: nothing to build, so `npm start` has its verdict first.
      { kernel: "deb:6.1", node: "20.9.0" },
      { kernel: "6.1.129", node: "20.9.0" },
      { kernel: "6.1.106", node: "20.9.0" },
      { kernel: "6.1.115", node: "20.9.0", env: { UV_USE_IO_URING: "0" } },
    ],
    images: {
      nixos: {
        bad: [{ kernel: "nix:6.6.58" }],
        control: [{ kernel: "nix:6.6.58", env: { UV_USE_IO_URING: "0" } }, { kernel: "nix:6.1.129" }],
      },
    },
  },
  workload: new URL("./workload/", import.meta.url),
  // Only npm needs its cache; without it, the workload needs no network to be prepared.
  prepare: {
    key: (cell) => (cell.axes.workload === "npm-ci" ? "npm-cache-2" : "none"),
    make: async (context) => {
      if (context.cell.axes.workload === "npm-ci") await prepareNpmCi(context);
    },
  },
  // The npm that was released with Node 20.9.0.
  npm: "10.1.0",
  machine: { cpus: 2, memory: "2GiB" },
  view: {
    axes: { workload: "npm-ci" },
    folder: "/srv/work/npm-ci",
    process: "npm ci",
    command: "sh ../npm-ci.sh 1",
  },
  kernelLog: [{ kind: "hung-task", frames: ["__mutex_lock", "io_uring_del_tctx_node"] }],
  // Four times the workload's own, which it gets on a slow host while it advances, and what comes after it.
  deadline: "60m",
  trial: observe,
  // The defect of the report, not just any hang: the exiting thread waits for the ring's lock that the
  // submission thread will never release.
  signature: ({ afterKill }) =>
    afterKill?.state === "D" &&
    afterKill.threads.some((thread) =>
      thread.stack.some(
        (frame) => frame.function === "io_uring_del_tctx_node" || frame.function === "io_sq_thread",
      ),
    ),
  healthy: ({ ended, completedRounds, rounds, powerOff }) =>
    ended.type === "exit" && ended.exitCode === 0 && completedRounds === rounds && powerOff.state === "off",
  summary: summaryOf,
  columns: (seen) => ({
    "after SIGKILL": seen.afterKill?.state ?? "not needed",
    "threads in D":
      seen.afterKill?.threads
        .filter((thread) => thread.state === "D")
        .map(
          (thread) =>
            `${thread.comm}: ${thread.stack
              .slice(0, 4)
              .map((frame) => frame.function)
              .join(" < ")}`,
        )
        .join("\n") || "none",
    "hung tasks in the log":
      seen.hungTasks
        .map((task) => `${task.task ?? "?"}:${task.pid ?? "?"}`)
        .filter((value, index, all) => all.indexOf(value) === index)
        .join(", ") || "none",
    "power-off":
      seen.powerOff.state === "stuck"
        ? `stuck, waits for ${seen.powerOff.waitingFor.join(", ") || "what systemd does not say"}`
        : `${seen.powerOff.state} after ${(seen.powerOff.after / 1000).toFixed(1)} s`,
  }),
});
