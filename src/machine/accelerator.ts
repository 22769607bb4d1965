import { spawn } from "node:child_process";
import { access, constants, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import type { Within } from "../base/deadline.ts";
import { lockFile } from "../base/lock.ts";
import { processPace } from "../base/pace.ts";
import { parseJson } from "../base/parse-json.ts";
import { bareEnvironment, hostEnvironment } from "../base/program.ts";
import { keyOf } from "../base/store.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { wait } from "../base/wait.ts";
import type { Platform } from "../platform/platform.ts";
import { guestPlatform } from "../platform/platforms.ts";
import type { Accelerator } from "./argv.ts";
import { identifyQemu } from "./qemu-binary.ts";

const answerSchema = z.object({ type: z.enum(["kvm", "tcg"]), because: z.string() });

export interface AcceleratorAnswer {
  readonly accelerator: Accelerator;
  /** One sentence for people: what was tried and what came of it. */
  readonly because: string;
}

/**
 * Which accelerator really boots a kernel here. A `/dev/kvm` that opens proves nothing: hosts exist where
 * it makes virtual machines in which no kernel gets beyond its first lines. So the probe boots the kernel at
 * hand, without a root, and waits for it to look for one. The answer is kept for this QEMU, host kernel and
 * boot of the host; of several that ask at once one tries.
 *
 * @see https://www.qemu.org/docs/master/system/introduction.html#virtualisation-accelerators
 */
export async function probeAccelerator(
  kernel: { boot: string },
  context: Context,
): Promise<AcceleratorAnswer> {
  if (!(await canOpenKvm()))
    return { accelerator: { type: "tcg" }, because: "there is no /dev/kvm that this user may open" };
  const qemu = await identifyQemu(context.settings, guestPlatform);
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const dir = join(context.settings.cacheDir, "accelerator");
  const file = join(dir, `${keyOf({ qemu, boot })}.json`);
  const known = await readAnswer(file);
  if (known) return known;
  await mkdir(dir, { recursive: true });
  const { signal } = context;
  await using _lock = await lockFile(`${file}.lock`, { within: timeouts.machine.askedUnderKvm, signal });
  const meanwhile = await readAnswer(file);
  if (meanwhile) return meanwhile;
  const { outcome } = await bootUnderKvm(kernel.boot, { within: timeouts.machine.underKvm, signal });
  const answer =
    outcome === "booted"
      ? ({ type: "kvm", because: "a kernel booted under KVM" } as const)
      : ({ type: "tcg", because: `/dev/kvm opens, but ${refusals[outcome]}` } as const);
  await writeFile(file, `${JSON.stringify(answer)}\n`);
  return { accelerator: { type: answer.type }, because: answer.because };
}

async function readAnswer(file: string): Promise<AcceleratorAnswer | undefined> {
  const { data } = answerSchema.safeParse(parseJson(await readFile(file, "utf8").catch(() => "")));
  return data && { accelerator: { type: data.type }, because: data.because };
}

/** Whether this user may open /dev/kvm at all. That proves nothing; see {@link probeAccelerator}. */
export async function canOpenKvm(): Promise<boolean> {
  return await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** QEMU's argument vector for a machine that shows on standard output whether a kernel boots under KVM. */
export function probeArguments(
  kernel: string,
  platform: Platform,
  processor: string = platform.qemu.processor.kvm,
): string[] {
  const { plainMachine } = platform.qemu;
  return [
    ...["-no-user-config", "-nodefaults", "-display", "none"],
    ...["-machine", plainMachine, "-accel", "kvm", "-cpu", processor],
    ...["-m", "256M", "-no-reboot", "-serial", "stdio"],
    ...["-kernel", kernel, "-append", `console=${platform.console} panic=-1 rootwait=1`],
  ];
}

const refusals = {
  hung: "no kernel booted under it within 15 s",
  ended: "QEMU ended under it before a kernel had booted",
} as const;

/** What came of a kernel under KVM, and what was last said. */
export interface KvmBoot {
  /** `booted`: it looked for its root; `hung`: it did not within the time; `ended`: QEMU did by itself. */
  readonly outcome: "booted" | "hung" | "ended";
  readonly milliseconds: number;
  /** The console's last line, and the end of what QEMU printed. */
  readonly console: string;
  readonly qemu: string;
}

/**
 * Boot a kernel without a root under KVM, until it looks for one.
 *
 * @param processor as `-cpu` takes it.
 * @throws the signal's reason when it aborts.
 */
export async function bootUnderKvm(
  kernel: string,
  options: { readonly processor?: string; readonly within: Within; readonly signal: AbortSignal },
): Promise<KvmBoot> {
  const { program } = guestPlatform.qemu;
  const probe = probeArguments(kernel, guestPlatform, options.processor);
  const start = performance.now();
  const child = spawn("setpriv", ["--no-new-privs", "--pdeathsig", "KILL", "--", program, ...probe], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: bareEnvironment({ path: hostEnvironment().PATH ?? "" }),
  });
  const done = Promise.withResolvers<KvmBoot["outcome"]>();
  let [seen, said] = ["", ""];
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    seen = (seen + text).slice(-4096);
    if (/Run \/|VFS: Cannot open root|Unable to mount root|No working init/.test(seen))
      done.resolve("booted");
  });
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    said = (said + text).slice(-4096);
  });
  child.once("error", () => done.resolve("ended"));
  child.once("exit", () => done.resolve("ended"));
  // A compiler beside it takes nothing from it that it did not wait for.
  const pace = child.pid === undefined ? undefined : processPace(child.pid, { factor: 1 });
  const outcome = await wait("a kernel to boot under KVM", done.promise, { ...options, pace }).catch(
    () => "hung" as const,
  );
  child.kill("SIGKILL");
  options.signal.throwIfAborted();
  const milliseconds = Math.round(performance.now() - start);
  return { outcome, milliseconds, console: lastLine(seen), qemu: lastLine(said) };
}

function lastLine(text: string): string {
  return sanitize(text.trim().split("\n").at(-1) ?? "", { maxLength: 200 });
}
