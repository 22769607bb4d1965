import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { identify } from "../../src/base/owner.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { pause } from "../../src/base/wait.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { MachineFault } from "../../src/machine/fault.ts";
import type { Machine } from "../../src/machine/machine.ts";
import { startMachine } from "../../src/machine/start.ts";
import { guestPlatform } from "../../src/platform/platforms.ts";
import type { Chance, Fault, Injected } from "./fault.ts";

/** A machine with a real kernel and no disk: it panics for want of a root after a second. */
async function boot(dir: string, signal: AbortSignal, commandLine = ""): Promise<Machine> {
  const settings = { ...readSettings(), runtimeDir: join(dir, "run") };
  const context = { settings, progress: silent, signal };
  const kernel = await provideKernel(parseKernelSelector("6.1.129"), context, { fragments: [] });
  return await startMachine({
    platform: guestPlatform,
    accelerator: { type: "tcg" },
    cpus: 1,
    memory: 2 ** 27,
    kernel,
    commandLine: `console=${guestPlatform.console} panic=0 root=/dev/none ${commandLine}`,
    disks: [],
    network: "isolated",
    hostname: "fault",
    host: settings,
    runtimeRoot: settings.runtimeDir,
    layersDir: join(dir, "layers"),
    evidenceDir: join(dir, "evidence"),
    signal,
  });
}

/** Wait for what never comes, while something is done to the machine: the wait has to end by the fault's name. */
async function faulted(
  dir: string,
  signal: AbortSignal,
  options: {
    readonly after: number;
    readonly act: (machine: Machine) => Promise<void> | void;
    readonly expected: RegExp;
    readonly commandLine?: string;
  },
): Promise<Injected> {
  const machine = await boot(dir, signal, options.commandLine);
  let said: string;
  try {
    const never = machine.race("what never comes", { within: "30s", signal }, () => new Promise(() => {}));
    never.catch(() => {});
    await pause(options.after);
    await options.act(machine);
    said = await never.then(
      () => "it came",
      (error: unknown) =>
        error instanceof MachineFault ? `${error.kind}` : error instanceof Error ? error.name : String(error),
    );
  } finally {
    await machine[Symbol.asyncDispose]();
  }
  const left = [
    ...(identify(machine.pid) ? ["QEMU"] : []),
    ...(await readdir(join(dir, "run"))).filter((name) => name.startsWith("m-")),
    ...(await readdir(join(dir, "layers"))),
  ];
  const wrong = !options.expected.test(said)
    ? `it was told as ${said}`
    : left.length > 0
      ? `left: ${left.join(", ")}`
      : undefined;
  return { outcome: said, wrong };
}

/** A moment of a machine's boot, in milliseconds: from its first instruction to after its panic. */
const moment = (chance: Chance): number => chance.below(1500);

/** Faults of QEMU and of the guest's kernel. */
export const machineFaults: readonly Fault[] = [
  {
    name: "QEMU is killed",
    holds: "what waits for the guest ends at once, by the machine's end or by what its kernel did before",
    machine: true,
    inject: async (chance, dir, signal) =>
      await faulted(dir, signal, {
        after: moment(chance),
        act: ({ pid }) => void process.kill(pid, "SIGKILL"),
        expected: /^(exit|panic)$/,
      }),
  },
  {
    name: "QEMU is told to end",
    holds: "the same",
    machine: true,
    inject: async (chance, dir, signal) =>
      await faulted(dir, signal, {
        after: moment(chance),
        act: async ({ qmp }) => void (await qmp.call("quit", {}, { within: "5s" }).catch(() => {})),
        expected: /^(exit|panic)$/,
      }),
  },
  {
    name: "the guest is reset",
    holds: "it is the machine's end, not a fresh boot that is taken for the same",
    machine: true,
    inject: async (chance, dir, signal) =>
      await faulted(dir, signal, {
        after: moment(chance),
        act: async ({ qmp }) => void (await qmp.call("system_reset", {}, { within: "5s" }).catch(() => {})),
        expected: /^(exit|panic)$/,
      }),
  },
  {
    name: "the guest's kernel panics",
    holds: "it is told as a panic, however long one would wait",
    machine: true,
    inject: async (_chance, dir, signal) =>
      await faulted(dir, signal, { after: 0, act: () => {}, expected: /^panic$/ }),
  },
  {
    name: "QEMU is stopped for a while, and goes on",
    holds: "the panic that comes afterwards is told as one",
    machine: true,
    inject: async (chance, dir, signal) =>
      await faulted(dir, signal, {
        after: chance.below(600),
        act: async ({ pid }) => {
          process.kill(pid, "SIGSTOP");
          await pause(100 + chance.below(900));
          process.kill(pid, "SIGCONT");
        },
        expected: /^panic$/,
      }),
  },
];
