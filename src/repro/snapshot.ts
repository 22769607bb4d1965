import { copyFile, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { step } from "../base/progress.ts";
import { keyOf, Store } from "../base/store.ts";
import { Guest } from "../guest/guest.ts";
import { freezeMachine } from "../machine/freeze.ts";
import { Machine, type MachineOptions } from "../machine/machine.ts";
import { bootOptions, disksOf, type Shape } from "./boot.ts";

/** Raised when what is frozen, or how, changes. */
const recipe = 1;

const aboutSchema = z.object({ hostKey: z.base64() });

/** A frozen machine: memory, device state and root disk of a guest that was ready and quiet. */
export interface Snapshot {
  readonly dir: string;
  readonly hostKey: Buffer;
}

export function snapshotStore(context: Pick<Context, "settings">): Store {
  return new Store(join(context.settings.cacheDir, "snapshots"));
}

/** Names a frozen machine by everything it depends on: its parts, its shape, QEMU, and this recipe. */
export async function snapshotKey(shape: Shape, context: Context): Promise<string> {
  const { parts } = shape;
  const version = await command(["qemu-system-x86_64", "--version"], {
    within: "20s",
    signal: context.signal,
  });
  const { kernel, commandLine, accelerator, cpus, memory, network } = bootOptions(shape, context);
  return keyOf({
    recipe,
    qemu: version.stdout,
    kernel: [kernel.boot, kernel.initrd, parts.kernel.id],
    image: parts.image.id,
    node: parts.node?.id,
    workload: parts.workload === undefined ? undefined : (await stat(parts.workload)).size,
    machine: [commandLine, accelerator, cpus, memory, network],
  });
}

/** The frozen machine of a shape, made now if it is not there: boot, warm up, stop, write down. */
export async function provideSnapshot(shape: Shape, key: string, context: Context): Promise<Snapshot> {
  const entry = await snapshotStore(context).findOrMake(
    key,
    { within: "5m", signal: context.signal },
    async (dir, signal) =>
      await step(context.progress, "freeze a booted machine for later starts", async (progress) => {
        const root = join(dir, "root.qcow2");
        const image = shape.parts.image.path;
        const layer = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, root];
        await command(layer, { within: "30s", signal });
        // The workload's disk is another one for each machine; an empty one of its size holds its place.
        const place = shape.parts.workload === undefined ? undefined : join(dir, "empty");
        if (place !== undefined && shape.parts.workload !== undefined) {
          await using file = await open(place, "wx");
          await file.truncate((await stat(shape.parts.workload)).size);
        }
        progress.update({ detail: "booting" });
        await using machine = await Machine.start({
          ...bootOptions({ ...shape, evidenceDir: dir }, context),
          disks: disksOf(
            { ...shape.parts, workload: place },
            { path: root, format: "qcow2", access: "read-write" },
          ),
          memoryFile: { path: join(dir, "memory"), use: "freeze" },
          signal,
        });
        const guest = new Guest(machine);
        const wait = { within: shape.bootWithin ?? "90s", signal } as const;
        await guest.ready(wait);
        progress.update({ detail: "warming up" });
        // What every trial needs first is in the page cache then; ssh has had its first handshake.
        await guest.connect(wait);
        await guest.exec(warmUp, { ...wait, allowFailure: true });
        guest[Symbol.dispose]();
        progress.update({ detail: "writing it down" });
        await freezeMachine(machine, join(dir, "state"), { within: "60s", signal });
        return { hostKey: machine.seed.hostKey.toString("base64") } satisfies z.infer<typeof aboutSchema>;
      }),
  );
  await copyFile(join(entry.dir, "console.log"), join(shape.evidenceDir, "console-boot.log"));
  return { dir: entry.dir, hostKey: Buffer.from(aboutSchema.parse(entry.about).hostKey, "base64") };
}

const warmUp =
  'systemctl is-system-running --wait; node -e 0; date -s "$(date)" > /dev/null; uname -r; dmesg | tail -1; sync';

/** The options of a machine that goes on from a frozen one. */
export function restoreOptions(shape: Shape, snapshot: Snapshot, context: Context): MachineOptions {
  return {
    ...bootOptions(shape, context),
    disks: disksOf(shape.parts, {
      path: join(snapshot.dir, "root.qcow2"),
      format: "qcow2",
      access: "private",
    }),
    memoryFile: { path: join(snapshot.dir, "memory"), use: "clone" },
    incoming: { statePath: join(snapshot.dir, "state"), hostKey: snapshot.hostKey },
  };
}
