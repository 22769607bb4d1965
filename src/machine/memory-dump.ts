import { copyFile, lstat, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { requireDiskRoom } from "../base/disk-room.ts";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import { takeBack } from "../confine/rights.ts";
import type { Machine } from "./machine.ts";

/** The formats that are asked for, best first: compressed, and what every QEMU has. */
const formats = ["kdump-zlib", "elf"] as const;

export interface MemoryDump {
  readonly path: string;
  readonly format: (typeof formats)[number];
  readonly bytes: number;
  /** How a person opens it. */
  readonly open: string;
}

const capabilitySchema = z.object({ formats: z.array(z.string()) });
const memorySchema = z.object({ "base-memory": z.number() });
const resultSchema = z.object({
  result: z.object({ status: z.string() }),
  error: z.string().optional(),
});

/** Left free on the disk beside the dump. */
const spare = 512 * 1024 ** 2;

/**
 * Write a machine's memory to a file, without the guest's help. The machine stands still meanwhile and goes on
 * afterwards: 2 to 3 s for 1 GiB compressed.
 *
 * @param base the file's path without its ending.
 * @param options.format default: the smallest that this QEMU writes.
 * @throws {InfraError} when the disk has no room for it or QEMU fails; nothing of it is left then.
 * @throws {DeadlineError} after `within`.
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (dump-guest-memory)
 * @example await dumpMemory(machine, join(dir, "guest-memory"), { within: "5m", signal })
 */
export async function dumpMemory(
  machine: Pick<Machine, "qmp" | "exited" | "pace" | "layersPath">,
  base: string,
  options: WaitOptions & { readonly format?: MemoryDump["format"] | undefined },
): Promise<MemoryDump> {
  return await withDeadline(
    "the dump of the guest's memory",
    { ...options, pace: machine.pace },
    async (signal) => {
      const limits = { within: timeouts.machine.monitor, signal } as const;
      const known = capabilitySchema.parse(
        await machine.qmp.call("query-dump-guest-memory-capability", {}, limits),
      );
      const format = options.format ?? formats.find((name) => known.formats.includes(name)) ?? "elf";
      const memory = memorySchema.parse(await machine.qmp.call("query-memory-size-summary", {}, limits));
      const path = `${base}.${format}`;
      // QEMU writes where it may; what it wrote is moved then.
      const draft = join(machine.layersPath, basename(path));
      for (const folder of [dirname(draft), dirname(path)])
        await requireDiskRoom(folder, {
          // Memory that does not compress takes its whole size.
          bytes: memory["base-memory"] + spare,
          for: "a dump of the guest's memory",
          next: "Free some disk space, or set DSTATE_LOGS and DSTATE_CACHE to larger disks.",
        });
      try {
        await write(draft, format, signal);
        await move(draft, path);
      } catch (error) {
        for (const each of [draft, path]) await rm(each, { force: true });
        throw error;
      }
      const { size } = await stat(path);
      return { path, format, bytes: size, open: openingOf(format, basename(path)) };
    },
  );

  async function write(path: string, format: string, signal: AbortSignal): Promise<void> {
    const ended = Promise.withResolvers<void>();
    ended.promise.catch(() => {});
    using _listener = machine.qmp.onEvent(({ name, data }) => {
      if (name !== "DUMP_COMPLETED") return;
      const { data: dump } = resultSchema.safeParse(data);
      if (dump?.result.status === "completed") ended.resolve();
      else {
        const why = dump?.error ?? dump?.result.status ?? "it does not say why";
        ended.reject(new InfraError(`QEMU could not dump the guest's memory: ${why}`));
      }
    });
    void machine.exited.then(() =>
      ended.reject(new InfraError("the machine ended while its memory was written")),
    );
    const onAbort = (): void => ended.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const wish = { paging: false, protocol: `file:${path}`, detach: true, format };
      await machine.qmp.call("dump-guest-memory", wish, { within: timeouts.evidence.dumpRequest, signal });
      await ended.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** Also to another disk. It is this user's then. */
async function move(from: string, to: string): Promise<void> {
  // A link that QEMU might have left in its place is no dump.
  if (!(await lstat(from)).isFile())
    throw new InfraError(`QEMU left no dump of the guest's memory at ${from}`);
  await takeBack([from]);
  await rename(from, to).catch(async (error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    await copyFile(from, to);
    await rm(from);
  });
}

function openingOf(format: MemoryDump["format"], name: string): string {
  const crash = `open it with \`crash vmlinux ${name}\`, the vmlinux built from this kernel with debug information`;
  return format === "kdump-zlib"
    ? `${crash}; for drgn, put it together first: \`makedumpfile -R core < ${name}\``
    : `${crash}, or with \`gdb vmlinux ${name}\``;
}
