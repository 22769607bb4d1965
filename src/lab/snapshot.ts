import { copyFile, open, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { type Allowance, lengthOf } from "../base/deadline.ts";
import { type LongStepOptions, longStep } from "../base/past-durations.ts";
import { keyOf, Store, type StoreEntry, sayMadeAnew } from "../base/store.ts";
import { createdAt } from "../base/store-manifest.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestSystems } from "../image/systems.ts";
import { qemuArguments } from "../machine/argv.ts";
import { identifyProcessor } from "../machine/host-processor.ts";
import type { MachineOptions } from "../machine/options.ts";
import { identifyQemu } from "../machine/qemu-binary.ts";
import { bootOptions, disksOf } from "./boot.ts";
import { doneBeforeFreeze, freezeInto, partsOfSnapshot, tries } from "./freeze.ts";
import type { Shape } from "./parts.ts";

/** Raised when something changes about how a machine is frozen that its key does not name. */
const recipe = 8;

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
  const boot = bootOptions(shape, context);
  return keyOf({
    recipe,
    qemu: await identifyQemu(context.settings, boot.platform),
    kernel: parts.kernel.id,
    image: parts.image.id,
    done: doneBeforeFreeze(guestSystems[parts.image.kind], boot.platform),
    node: parts.node?.id,
    workload: parts.workload === undefined ? undefined : (await stat(parts.workload)).size,
    // Under KVM the guest has this host's processor, and kept on what it found there. An emulated one is alike everywhere.
    processor: shape.accelerator.type === "kvm" ? await identifyProcessor() : undefined,
    // Every word of QEMU's command line but for the names of files.
    machine: qemuArguments({
      ...boot,
      kernel: "kernel",
      initrd: boot.kernel.initrd === undefined ? undefined : "initrd",
      disks: boot.disks.map((disk) => ({ ...disk, path: "disk" })),
      memoryFile: undefined,
      incoming: false,
      qmpSocket: "qmp",
      console: "console",
      commandsSocket: "commands",
      errorsSocket: "errors",
    }),
  });
}

/** The frozen machine of a shape, made now if it is not there: boot, warm up, stop, write down. */
export async function provideSnapshot(shape: Shape, key: string, context: Context): Promise<Snapshot> {
  const store = snapshotStore(context);
  if (await isStale(await store.find(key).catch(() => undefined), shape)) await store.remove(key);
  const entry = await store.findOrMake(
    key,
    { within: freezeWithin(shape), signal: context.signal, onCorrupt: sayMadeAnew(context) },
    async (dir, signal) =>
      await longStep(context, freezing(shape), async (progress) => {
        const hostKey = await freezeInto(dir, shape, context, { signal, progress }).catch(
          async (error: unknown) => {
            // The folder goes; what the machine said is evidence.
            for (const name of ["console.log", "qemu-arguments.json"])
              await copyFile(join(dir, name), join(shape.evidenceDir, name)).catch(() => {});
            throw error;
          },
        );
        return { hostKey: hostKey.toString("base64") } satisfies z.infer<typeof aboutSchema>;
      }),
  );
  await copyFile(partsOfSnapshot(entry.dir).console, join(shape.evidenceDir, "console-boot.log"));
  return { dir: entry.dir, hostKey: Buffer.from(aboutSchema.parse(entry.about).hostKey, "base64") };
}

/**
 * Whether a frozen machine stands on disks that were made again since, after they had been removed from the cache: by
 * the same recipe, and not the same bytes. Its memory would not know them, and its own layer would not fit.
 */
async function isStale(entry: StoreEntry | undefined, { parts }: Shape): Promise<boolean> {
  if (!entry) return false;
  for (const disk of [parts.image.path, ...(parts.node ? [parts.node.image] : [])]) {
    const made = await createdAt(dirname(disk));
    if (made !== undefined && made > entry.createdAt) return true;
  }
  return false;
}

/**
 * Watch the memory of a frozen machine while one goes on from it: QEMU opens it for writing, and a guest that has
 * taken QEMU over could write to what all others begin with.
 *
 * @returns call it when that machine has ended: a frozen one that was written to is removed.
 */
export async function watchSnapshot(
  { dir }: Pick<Snapshot, "dir">,
  context: Pick<Context, "settings" | "progress">,
): Promise<() => Promise<void>> {
  const changed = async (): Promise<number | undefined> =>
    (await stat(partsOfSnapshot(dir).memory).catch(() => undefined))?.ctimeMs;
  const before = await changed();
  return async () => {
    const after = await changed();
    if (after === undefined || after === before) return;
    // Rights that another start has given change this time as well: what is in it decides.
    const store = snapshotStore(context);
    const key = basename(dir);
    await store.verify(key).catch(async () => {
      const text = "a machine wrote to the frozen memory that it began with: it is not used again";
      context.progress({ type: "note", text });
      await store.remove(key);
    });
  };
}

/** A guest system boots as fast as it does; one of another size hardly differs. */
function freezing({ parts, accelerator }: Shape): LongStepOptions {
  const kind = `freeze-${parts.image.kind}-${accelerator.type}`;
  return { title: "freeze a booted machine for later starts", kind, guess: "15s" };
}

/** Every try of a boot, and what comes after it, in milliseconds. */
function freezeWithin({ bootWithin, parts }: Shape): Allowance {
  const boot = lengthOf(bootWithin ?? guestSystems[parts.image.kind].bootWithin);
  return { milliseconds: tries * (boot + timeouts.machine.freeze.milliseconds), scales: true };
}

/** The options of a machine that goes on from a frozen one. */
export function restoreOptions(shape: Shape, snapshot: Snapshot, context: Context): MachineOptions {
  const { root, memory, state } = partsOfSnapshot(snapshot.dir);
  return {
    ...bootOptions(shape, context),
    disks: disksOf(shape.parts, { path: root, format: "qcow2", access: "private" }),
    memoryFile: { path: memory, use: "clone" },
    incoming: {
      open: async () => (await open(state)).createReadStream(),
      memory: "in a file",
      hostKey: snapshot.hostKey,
    },
  };
}
