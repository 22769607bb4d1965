import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { benchRestore, type RestoreBench } from "../bench/restore.ts";
import type { Cell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { Vm } from "../lab/vm.ts";
import {
  type AcceleratorAnswer,
  bootUnderKvm,
  type KvmBoot,
  probeAccelerator,
} from "../machine/accelerator.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type KvmFacts, readKvmFacts } from "./kvm-facts.ts";

/** Processors that are tried: the one that dstate takes, and two that tell why it does not work. */
const processors = [guestPlatform.qemu.processor.kvm, "max", "qemu64"] as const;

/** What KVM is like on a host: for whoever has none and must mend what is wrong there. */
export interface KvmReport {
  readonly facts: KvmFacts;
  readonly qemu: string;
  /** A kernel without a root, by the processor it was given; empty: /dev/kvm does not open, or there is no kernel. */
  readonly boots: readonly (KvmBoot & { readonly processor: string })[];
  /** What dstate would run machines with here, and why. */
  readonly decision: string | undefined;
  /** A guest that was booted, frozen and restored; undefined: none boots under KVM. */
  readonly guest: GuestUnderKvm | undefined;
  /** Why there is no guest although a kernel boots. */
  readonly failure: string | undefined;
}

/** @see https://docs.kernel.org/virt/kvm/x86/timekeeping.html */
export interface GuestUnderKvm {
  readonly restores: RestoreBench;
  readonly clocksource: string;
  readonly availableClocksources: string;
  /** What the guest's kernel says of its clocks and of its hypervisor. */
  readonly log: readonly string[];
}

/**
 * Look at KVM: what the host says, which processors a kernel boots with, and, where one does, a whole guest: booted,
 * frozen, restored, with its clock compared to the host's.
 *
 * @param kernel one that is on this machine; undefined: there is none yet.
 * @param cell what the guest is made from.
 */
export async function makeKvmReport(
  kernel: { readonly boot: string } | undefined,
  cell: Cell,
  context: Context,
): Promise<KvmReport> {
  const facts = await readKvmFacts();
  const boots: (KvmBoot & { processor: string })[] = [];
  if (kernel && facts.device === "opens") {
    await longStep(
      context,
      { title: "boot a kernel under KVM", kind: "kvm-report", guess: undefined },
      async (progress) => {
        for (const processor of processors) {
          progress.update({ detail: `-cpu ${processor}` });
          boots.push({
            processor,
            ...(await bootUnderKvm(kernel.boot, {
              processor,
              within: timeouts.machine.underKvm,
              signal: context.signal,
            })),
          });
        }
      },
    );
  }
  const accelerator = kernel && (await probeAccelerator(kernel, context).catch(() => undefined));
  const base = { facts, qemu: await qemuVersion(context), boots, decision: decide(accelerator) };
  if (accelerator?.accelerator.type !== "kvm") return { ...base, guest: undefined, failure: undefined };
  try {
    return { ...base, guest: await tryGuest(cell, context), failure: undefined };
  } catch (error) {
    context.signal.throwIfAborted();
    return { ...base, guest: undefined, failure: messageOf(error) };
  }
}

function decide(answer: AcceleratorAnswer | undefined): string | undefined {
  return answer && `${answer.accelerator.type.toUpperCase()}: ${answer.because}`;
}

async function qemuVersion({ signal }: Context): Promise<string> {
  const asked = command([guestPlatform.qemu.program, "--version"], { within: timeouts.host.ask, signal });
  return await asked.then(
    ({ stdout }) => sanitize(stdout.split("\n")[0] ?? "", { maxLength: 200 }),
    () => "not installed",
  );
}

async function tryGuest(cell: Cell, context: Context): Promise<GuestUnderKvm> {
  const parts = await provideParts({ id: "kvm-report" }, cell, context);
  const restores = await benchRestore({ parts, count: 3 }, context);
  const evidenceDir = await mkdtemp(join(tmpdir(), "dstate-kvm-"));
  try {
    await using vm = await Vm.start({ parts, cpus: 2, memory: 2 ** 30, evidenceDir }, context);
    const clock = "/sys/devices/system/clocksource/clocksource0";
    const read = { within: timeouts.guest.quick, signal: context.signal } as const;
    const { stdout } = await vm.guest.quick(
      `cat ${clock}/current_clocksource ${clock}/available_clocksource`,
      read,
    );
    const [clocksource = "", availableClocksources = ""] = sanitize(stdout, { maxLength: 400 }).split("\n");
    const { text } = await vm.kernelLog();
    const log = text.split("\n").filter((line) => /tsc|clocksource|kvm-clock|hypervisor/i.test(line));
    return { restores, clocksource, availableClocksources, log: log.slice(0, 30) };
  } finally {
    await rm(evidenceDir, { recursive: true, force: true });
  }
}

/** The report as text that can be pasted into an issue. */
export function renderKvmReport(report: KvmReport): string {
  const { facts, qemu, boots, guest, decision, failure } = report;
  const lines = [
    `host: ${facts.system}, Linux ${facts.kernel}, ${facts.processors} processors, ${facts.memory}`,
    `processor: ${facts.processor}`,
    `features: ${facts.features.join(" ") || "none of those that matter"}`,
    `clock: ${facts.clocksource.current} (of ${facts.clocksource.available})`,
    `/dev/kvm: ${facts.device}${facts.mode === undefined ? "" : `, mode ${facts.mode}`}`,
    `modules: ${facts.modules.join("; ") || "none"}`,
    `QEMU: ${qemu}`,
    ...boots.map(describeBoot),
    ...(boots.length === 0 && facts.device === "opens"
      ? ["no kernel to boot yet: `dstate kernels get 6.1.129` builds one"]
      : []),
    `dstate would run machines with: ${decision ?? "not known yet"}`,
    ...(failure === undefined ? [] : [`a whole guest: failed: ${failure}`]),
    ...(guest === undefined ? [] : describeGuest(guest)),
  ];
  return lines.join("\n");
}

function describeBoot({
  processor,
  outcome,
  milliseconds,
  console,
  qemu,
}: KvmReport["boots"][number]): string {
  const seconds = `${(milliseconds / 1000).toFixed(1)} s`;
  if (outcome === "booted") return `-cpu ${processor}: a kernel booted in ${seconds}`;
  const how = outcome === "hung" ? `no kernel booted in ${seconds}` : `QEMU ended after ${seconds}`;
  const said = [console === "" ? "the console stayed empty" : `the console's last line: ${console}`];
  if (qemu !== "") said.push(`QEMU said: ${qemu}`);
  return `-cpu ${processor}: ${how}; ${said.join("; ")}`;
}

function describeGuest({ restores, clocksource, availableClocksources, log }: GuestUnderKvm): string[] {
  const { count, warm, machineIds, randomSeeds, clockErrorMilliseconds, restoreToFirstCommandSeconds } =
    restores;
  return [
    `a whole guest: ${warm} of ${count} restored, ${machineIds} machine ids, ${randomSeeds} random seeds`,
    `restore to the first command: ${restoreToFirstCommandSeconds.median.toFixed(2)} s (median)`,
    `the guest's clock after a restore: off by ${clockErrorMilliseconds.max.toFixed(0)} ms at most`,
    `the guest's clocksource: ${clocksource} (of ${availableClocksources})`,
    ...log.map((line) => `  ${sanitize(line, { maxLength: 200 })}`),
  ];
}
