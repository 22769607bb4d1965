import type { Context } from "../base/context.ts";
import type { Stretch } from "../base/pace.ts";
import type { GuestSystem } from "../image/system.ts";
import { guestSystems } from "../image/systems.ts";
import type { Accelerator, Disk } from "../machine/argv.ts";
import type { MachineOptions } from "../machine/options.ts";
import type { Platform } from "../platform/platform.ts";
import { guestPlatform } from "../platform/platforms.ts";
import type { Parts, Shape } from "./parts.ts";

/**
 * What every guest is booted with. Hung tasks are reported after 10 s, not 120, so that a trial does not take
 * minutes; a panicked kernel stands still, so that evidence can be had.
 *
 * @see https://www.kernel.org/doc/html/latest/admin-guide/kernel-parameters.html
 * @see https://www.kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html
 */
function guestCommandLine(
  { console, kernelParameters }: Platform,
  { init }: GuestSystem,
  { type }: Accelerator,
): string[] {
  return [
    `console=${console}`,
    "root=/dev/vda",
    "rw",
    "rootfstype=ext4",
    "loglevel=7",
    ...init.kernelParameters,
    "net.ifnames=0",
    "mitigations=off",
    ...kernelParameters[type],
    "random.trust_cpu=on",
    "panic=0",
    "sysctl.kernel.hung_task_timeout_secs=10",
    "sysctl.kernel.hung_task_check_interval_secs=5",
    "sysctl.kernel.hung_task_warnings=40",
    "sysctl.kernel.sysrq=1",
  ];
}

/** The options of a machine that boots. */
export function bootOptions(shape: Shape, context: Context): MachineOptions {
  return {
    platform: guestPlatform,
    accelerator: shape.accelerator,
    cpus: shape.cpus,
    memory: shape.memory,
    kernel: shape.parts.kernel,
    commandLine: [
      ...guestCommandLine(guestPlatform, guestSystems[shape.parts.image.kind], shape.accelerator),
      ...(shape.commandLine ?? []),
    ].join(" "),
    disks: disksOf(shape.parts, { path: shape.parts.image.path, format: "raw", access: "private" }),
    network: shape.network ?? "isolated",
    tellsGeneration: !guestSystems[shape.parts.image.kind].hasPerl,
    hostname: "dstate",
    runtimeRoot: context.settings.runtimeDir,
    layersDir: context.settings.layersDir,
    host: context.settings,
    evidenceDir: shape.evidenceDir,
    signal: context.signal,
    pace: { factor: shape.slowdown ?? 1, onStretch: tellOfBusyHost(context) },
  };
}

/** Waits are many, and a host is busy for a while: it is told once a minute. */
function tellOfBusyHost({ progress }: Context): (stretch: Stretch) => void {
  let last = Number.NEGATIVE_INFINITY;
  return ({ what, elapsed, served }) => {
    if (performance.now() - last < 60_000) return;
    last = performance.now();
    const share = Math.max(1, Math.round((100 * served) / elapsed));
    const text = `this host is busy: it gave the machine ${share} % of its time while it waited for ${what}, which gets more time`;
    progress({ type: "note", text });
  };
}

/** A machine's disks in the order the guest sees them. */
export function disksOf(parts: Parts, root: Omit<Disk, "serial">): Disk[] {
  return [
    { serial: "dstate-root", ...root },
    ...(parts.node
      ? [{ serial: "dstate-node", path: parts.node.image, format: "raw", access: "read-only" } as const]
      : []),
    ...(parts.workload === undefined
      ? []
      : [{ serial: "dstate-work", path: parts.workload, format: "raw", access: "private" } as const]),
  ];
}
