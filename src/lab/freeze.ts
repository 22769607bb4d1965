import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import type { Step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import { takeBack } from "../confine/rights.ts";
import { Guest } from "../guest/guest.ts";
import { identityPreparation, prepareIdentity } from "../guest/identity.ts";
import type { GuestSystem } from "../image/system.ts";
import { guestSystems } from "../image/systems.ts";
import { freezeMachine } from "../machine/freeze.ts";
import { awaitQuiet } from "../machine/quiet.ts";
import { startMachine } from "../machine/start.ts";
import type { Platform } from "../platform/platform.ts";
import { awaitBoot } from "./await-boot.ts";
import { bootOptions, disksOf } from "./boot.ts";
import type { Shape } from "./parts.ts";

/** How often a machine is booted at the most to get one that is worth keeping. */
export const tries = 3;

/** Where the parts of a frozen machine are in its folder. */
export function partsOfSnapshot(dir: string): {
  root: string;
  memory: string;
  state: string;
  console: string;
} {
  return {
    root: join(dir, "root.qcow2"),
    memory: join(dir, "memory"),
    state: join(dir, "state"),
    console: join(dir, "console.log"),
  };
}

/**
 * Boot a machine, wait until its guest is ready and quiet, and fill a folder with its memory, device state and root
 * disk. On a busy host a kernel may find its timer broken, and every machine that goes on from such a one would do
 * without: it is booted again.
 *
 * @returns the public ssh host key that every clone will have.
 */
export async function freezeInto(
  dir: string,
  shape: Shape,
  context: Context,
  run: { readonly signal: AbortSignal; readonly progress: Step },
): Promise<Buffer> {
  for (let attempt = 1; ; attempt += 1) {
    const hostKey = await freezeOnce(dir, shape, context, { ...run, last: attempt === tries });
    if (hostKey) return hostKey;
    run.progress.note("the kernel found its timer broken, as happens on a busy host: booting once more");
  }
}

async function freezeOnce(
  dir: string,
  shape: Shape,
  context: Context,
  { signal, progress, last }: { signal: AbortSignal; progress: Step; last: boolean },
): Promise<Buffer | undefined> {
  const { root, memory, state } = partsOfSnapshot(dir);
  for (const path of [root, memory]) await rm(path, { force: true });
  const { image, workload } = shape.parts;
  const system = guestSystems[image.kind];
  const layer = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image.path, root];
  await command(layer, { within: timeouts.host.ask, signal });
  // The workload's disk is another one for each machine; an empty one of its size holds its place.
  const place = workload === undefined ? undefined : join(dir, "empty");
  if (place !== undefined && workload !== undefined) {
    await using file = await open(place, "w");
    await file.truncate((await stat(workload)).size);
  }
  progress.update({ detail: "booting" });
  await using machine = await startMachine({
    ...bootOptions({ ...shape, evidenceDir: dir }, context),
    disks: disksOf(
      { ...shape.parts, workload: place },
      { path: root, format: "qcow2", access: "read-write" },
    ),
    memoryFile: { path: memory, use: "freeze" },
    signal,
  });
  using guest = new Guest(machine, { system });
  const wait = { within: shape.bootWithin ?? system.bootWithin, signal } as const;
  await awaitBoot(guest, { ...wait, evidence: join(shape.evidenceDir, "console.log") });
  if (!last && machine.platform.brokenTimer.test(machine.console.text)) return undefined;
  progress.update({ detail: "warming up" });
  // What every trial needs first is in the page cache then; ssh has had its first handshake.
  await guest.connect(wait);
  await guest.exec(warmUp(system), { ...wait, allowFailure: true });
  guest[Symbol.dispose]();
  await prepareIdentity(guest, wait);
  // A server that still puts that connection away would do so first thing in every clone.
  await awaitQuiet(machine, { signal });
  progress.update({ detail: "writing it down" });
  await freezeMachine(machine, state, { within: timeouts.machine.freeze, signal });
  await takeBack([root, memory]);
  return machine.seed.hostKey;
}

/** What a guest has done by the time it is frozen: clones of one that did something else are other machines. */
export function doneBeforeFreeze(system: GuestSystem, platform: Platform): string[] {
  return [warmUp(system), ...identityPreparation(platform)];
}

function warmUp({ init }: GuestSystem): string {
  return `${init.settle}; ${init.rest}; node -e 0; date -s "$(date)" > /dev/null; uname -r; dmesg | tail -1; sync`;
}
