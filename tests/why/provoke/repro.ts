import { defineRepro } from "../../../src/index.ts";

/** How each case's tasks call themselves: see provoke.patch. */
const waiting: Readonly<Record<string, string>> = {
  deadlock: "left-first right-first",
  "exited-mutex": "heir",
  "exited-rwsem": "heir",
  "exited-unpinned": "heir",
  "lost-mutex": "forgotten",
  "lost-completion": "forgotten",
};

/**
 * Tasks that a kernel built with provoke.patch has wait for ever, each for another reason: what `dstate why` is tried
 * with. Run it on `6.1.115 --with lockdep --patch tests/why/provoke/provoke.patch`.
 */
export default defineRepro({
  id: "provoke",
  title: "tasks that wait for ever, for a reason that is known",
  upstream: ["https://docs.kernel.org/locking/mutex-design.html"],
  axes: {
    kernel: ["6.1.115"],
    own: {
      case: ["deadlock", "exited-mutex", "exited-rwsem", "exited-unpinned", "lost-mutex", "lost-completion"],
      lockdep: ["off", "on"],
    },
  },
  cells: { bad: [{}], control: [{}] },
  deadline: "10m",
  trial: async ({ vm, cell, signal }) => {
    const name = cell.axes.case ?? "";
    const quiet = cell.axes.lockdep === "off" ? "echo without-lockdep > /proc/provoke; " : "";
    await vm.guest.exec(`${quiet}echo ${name} > /proc/provoke`, { within: "1m", signal });
    // Of so many one gets the memory that the owner had.
    if (name === "exited-unpinned")
      await vm.guest.exec("sleep 3; for i in $(seq 300); do sleep 9999 > /dev/null 2>&1 & done", {
        within: "1m",
        signal,
      });
    const { stdout } = await vm.guest.exec("ps -eLo stat,comm | grep ^D", {
      within: "1m",
      signal,
      allowFailure: true,
    });
    const log = await vm.kernelLog({ signal });
    return { stuck: stdout, wanted: waiting[name] ?? "", log: log.text };
  },
  signature: ({ stuck, wanted }) => wanted.split(" ").every((name) => stuck.includes(name)),
  healthy: () => false,
  summary: ({ stuck }) => `in D: ${stuck.trim().split(/\s+/).join(" ") || "nobody"}`,
});
