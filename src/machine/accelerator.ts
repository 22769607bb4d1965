import { spawn } from "node:child_process";
import { access, constants, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { keyOf } from "../base/store.ts";
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
 * boot of the host.
 *
 * @see https://www.qemu.org/docs/master/system/introduction.html#virtualisation-accelerators
 */
export async function probeAccelerator(
  kernel: { boot: string },
  context: Context,
): Promise<AcceleratorAnswer> {
  const openable = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!openable)
    return { accelerator: { type: "tcg" }, because: "there is no /dev/kvm that this user may open" };
  const qemu = await identifyQemu(context.settings);
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const dir = join(context.settings.cacheDir, "accelerator");
  const file = join(dir, `${keyOf({ qemu, boot })}.json`);
  const known = answerSchema.safeParse(
    await readFile(file, "utf8")
      .then(JSON.parse)
      .catch(() => undefined),
  );
  if (known.success) return { accelerator: { type: known.data.type }, because: known.data.because };
  const boots = await bootsUnderKvm(kernel.boot, context.signal);
  const answer = boots
    ? ({ type: "kvm", because: "a kernel booted under KVM" } as const)
    : ({ type: "tcg", because: "/dev/kvm opens, but no kernel booted under it within 15 s" } as const);
  await mkdir(dir, { recursive: true });
  await writeFile(file, `${JSON.stringify(answer)}\n`);
  return { accelerator: { type: answer.type }, because: answer.because };
}

/** QEMU's argument vector for a machine that shows on standard output whether a kernel boots under KVM. */
export function probeArguments(kernel: string, platform: Platform): string[] {
  const { plainMachine, processor } = platform.qemu;
  return [
    ...["-no-user-config", "-nodefaults", "-display", "none"],
    ...["-machine", plainMachine, "-accel", "kvm", "-cpu", processor.kvm],
    ...["-m", "256M", "-no-reboot", "-serial", "stdio"],
    ...["-kernel", kernel, "-append", `console=${platform.console} panic=-1 rootwait=1`],
  ];
}

async function bootsUnderKvm(kernel: string, signal: AbortSignal): Promise<boolean> {
  const { program } = guestPlatform.qemu;
  const argv = ["--pdeathsig", "KILL", "--", program, ...probeArguments(kernel, guestPlatform)];
  const child = spawn("setpriv", argv, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  const booted = Promise.withResolvers<boolean>();
  let seen = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    seen = (seen + text).slice(-4096);
    if (/Run \/|VFS: Cannot open root|Unable to mount root|No working init/.test(seen)) booted.resolve(true);
  });
  child.once("error", () => booted.resolve(false));
  child.once("exit", () => booted.resolve(false));
  try {
    return await wait("a kernel to boot under KVM", booted.promise, { within: "15s", signal });
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    child.kill("SIGKILL");
  }
}
