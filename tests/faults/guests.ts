import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { pause } from "../../src/base/wait.ts";
import { chooseCell } from "../../src/lab/cell.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { readRun } from "../../src/record/read-run.ts";
import { runTrial } from "../../src/repro/trial.ts";
import type { Chance, Fault, Injected } from "./fault.ts";
import { tickingKernel, tickingRepro } from "./ticking.ts";

/**
 * A trial of the ticking workload, while something is done to its guest or its QEMU. It would reproduce if SIGKILL left
 * the workload in D, which nothing here makes true.
 */
async function trialWith(
  dir: string,
  signal: AbortSignal,
  fault: {
    /** A shell command in the guest. */
    readonly inGuest?: string;
    readonly onQemu?: (pid: number) => Promise<void> | void;
    readonly after: number;
  },
): Promise<Injected> {
  const repro = tickingRepro({
    during: async ({ vm, signal: inner }) => {
      await pause(fault.after);
      if (fault.inGuest !== undefined)
        await vm.guest.spawn(`setsid sh -c '${fault.inGuest}' >/dev/null 2>&1 </dev/null &`, {
          signal: inner,
        });
      await fault.onQemu?.(vm.machine.pid);
    },
    signature: ({ killed }) => killed === "D",
  });
  const settings = { ...readSettings(), logsDir: join(dir, "logs"), runtimeDir: join(dir, "run") };
  await mkdir(settings.logsDir);
  const context = { settings, progress: silent, signal };
  const cell = chooseCell(repro.axes, { kernel: tickingKernel }, settings);
  const parts = await provideParts(repro, cell, context);
  const trial = await runTrial(repro, cell, parts, context);
  const read = await readRun(trial.evidence);
  const left = (await readdir(settings.runtimeDir)).filter((name) => name.startsWith("m-"));
  const wrong =
    trial.outcome === "reproduced"
      ? `reproduced: ${trial.summary}`
      : trial.outcome === "clean" && trial.observation?.done !== true
        ? `clean, and it was not done: ${trial.summary}`
        : read.state === "running" || read.record.trials[0]?.outcome !== trial.outcome
          ? `its run says ${read.state}, ${read.record.trials[0]?.outcome}`
          : left.length > 0
            ? `left: ${left.join(", ")}`
            : undefined;
  return { outcome: trial.outcome, wrong };
}

/** A moment of a trial whose workload takes two seconds. */
const moment = (chance: Chance): number => chance.below(2500);

const inGuest = (name: string, command: string): Fault => ({
  name: `the guest ${name}`,
  holds: "never reproduced; clean only if the workload was done",
  machine: true,
  inject: async (chance, dir, signal) =>
    await trialWith(dir, signal, { inGuest: command, after: moment(chance) }),
});

/** Faults within a guest, and of the QEMU of a whole trial. */
export const guestFaults: readonly Fault[] = [
  inGuest("panics in the middle of a trial", "echo c > /proc/sysrq-trigger"),
  inGuest("reboots in the middle of a trial", "echo b > /proc/sysrq-trigger"),
  inGuest("is halted", "halt -f"),
  inGuest("is powered off", "poweroff -f"),
  inGuest("floods its console", "timeout 5 cat /dev/urandom > /dev/console"),
  inGuest("fills its disk", "dd if=/dev/zero of=/fill bs=1M"),
  inGuest("kills sshd, and whoever is logged in", "pkill -KILL sshd"),
  inGuest("takes its network away", "ls /sys/class/net | while read name; do ip link set $name down; done"),
  inGuest("stops every process", "kill -STOP -1"),
  inGuest("kills every process", "kill -KILL -1"),
  inGuest("sets its clock back", 'date -s "2001-01-01"'),
  inGuest("sets its clock forward", 'date -s "2038-01-01"'),
  inGuest("eats its memory", "tail /dev/zero"),
  {
    name: "QEMU is killed in the middle of a trial",
    holds: "never reproduced; clean only if the workload was done",
    machine: true,
    inject: async (chance, dir, signal) =>
      await trialWith(dir, signal, {
        onQemu: (pid) => void process.kill(pid, "SIGKILL"),
        after: moment(chance),
      }),
  },
  {
    name: "QEMU stands still in the middle of a trial, and goes on",
    holds: "never reproduced; clean only if the workload was done",
    machine: true,
    inject: async (chance, dir, signal) =>
      await trialWith(dir, signal, {
        onQemu: async (pid) => {
          process.kill(pid, "SIGSTOP");
          await pause(500 + chance.below(8000));
          process.kill(pid, "SIGCONT");
        },
        after: moment(chance),
      }),
  },
];
