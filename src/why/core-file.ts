import { chmod, type FileHandle, open } from "node:fs/promises";
import { InfraError } from "../base/errors.ts";

/** A part of physical memory, and where it is in the file. */
interface Segment {
  readonly offset: bigint;
  readonly physical: bigint;
  readonly bytes: bigint;
}

/** An ELF dump of a guest's memory, as QEMU writes it. */
export interface CoreFile {
  /** Read physical memory; what is not in the file is left out at the end. */
  read(physical: bigint, bytes: number): Promise<Buffer>;
  /** The beginnings of all pages, in their order. */
  pages(head: number): AsyncGenerator<{ readonly physical: bigint; readonly head: Buffer }>;
  /**
   * Make it what debuggers of Linux take for a dump of a kernel: say where its image is mapped, and give it the note
   * that a kernel built for crash dumps leaves in memory.
   */
  describe(kernel: KernelPlace): Promise<void>;
  close(): Promise<void>;
}

/** Where a kernel's image is. */
export interface KernelPlace {
  /** The text of its VMCOREINFO note. */
  readonly note: string;
  /** Virtual addresses from here on are physical ones from `physical` on. */
  readonly virtual: bigint;
  readonly physical: bigint;
  /** At most so many. */
  readonly bytes: bigint;
}

const header = { bytes: 64, programs: 32, count: 56 } as const;
const entryBytes = 56;
const type = { load: 1, note: 4 } as const;
const pageBytes = 4096;
/** No kernel has anything at these virtual addresses: they are no addresses for its processor. */
const nowhere = 0x8000_0000_0000_0000n;

/**
 * Open a dump of a machine's memory.
 *
 * @throws {InfraError} when it is not one.
 * @see https://man7.org/linux/man-pages/man5/elf.5.html
 * @see https://www.kernel.org/doc/html/latest/admin-guide/kdump/vmcoreinfo.html
 */
export async function openCore(path: string): Promise<CoreFile> {
  // QEMU leaves it to be read only.
  await chmod(path, 0o600);
  const file = await open(path, "r+");
  try {
    return await readCore(file, path);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readCore(file: FileHandle, path: string): Promise<CoreFile> {
  const head = await readAt(file, 0n, header.bytes);
  if (head.length < header.bytes || head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1)
    throw new InfraError(`${path} is no dump of a 64-bit machine's memory`);
  const count = head.readUInt16LE(header.count);
  const table = await readAt(file, head.readBigUInt64LE(header.programs), count * entryBytes);
  const segments: Segment[] = [];
  let notes: Buffer = Buffer.alloc(0);
  for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
    const [offset, physical] = [table.readBigUInt64LE(at + 8), table.readBigUInt64LE(at + 24)];
    const bytes = table.readBigUInt64LE(at + 32);
    if (table.readUInt32LE(at) === type.load) segments.push({ offset, physical, bytes });
    if (table.readUInt32LE(at) === type.note) notes = await readAt(file, offset, Number(bytes));
  }
  if (segments.length === 0) throw new InfraError(`${path} holds no memory`);
  const read: CoreFile["read"] = async (physical, bytes) => {
    const segment = segments.find(
      (each) => each.physical <= physical && physical < each.physical + each.bytes,
    );
    if (!segment) return Buffer.alloc(0);
    const into = physical - segment.physical;
    const most = segment.bytes - into;
    return await readAt(file, segment.offset + into, most < BigInt(bytes) ? Number(most) : bytes);
  };
  return {
    read,
    pages: async function* (length) {
      for (const { physical, bytes } of segments) {
        const step = 4 * 1024 ** 2;
        for (let at = 0n; at < bytes; at += BigInt(step)) {
          const chunk = await read(physical + at, step);
          for (let page = 0; page + pageBytes <= chunk.length; page += pageBytes)
            yield { physical: physical + at + BigInt(page), head: chunk.subarray(page, page + length) };
        }
      }
    },
    describe: async (kernel) => await describe(file, { segments, notes }, kernel),
    close: async () => await file.close(),
  };
}

async function describe(
  file: FileHandle,
  core: { readonly segments: readonly Segment[]; readonly notes: Buffer },
  kernel: KernelPlace,
): Promise<void> {
  const notes = Buffer.concat([core.notes, noteOf("VMCOREINFO", Buffer.from(kernel.note))]);
  const { size } = await file.stat();
  const notesAt = BigInt(Math.ceil(size / 8) * 8);
  const entries = [
    entry({ type: type.note, offset: notesAt, virtual: 0n, physical: 0n, bytes: BigInt(notes.length) }),
    ...core.segments.map(({ offset, physical, bytes }) =>
      entry({ type: type.load, offset, virtual: nowhere + physical, physical, bytes }),
    ),
    ...core.segments.flatMap((segment) => imageOf(segment, kernel)),
  ];
  const table = Buffer.concat(entries);
  const tableAt = notesAt + BigInt(Math.ceil(notes.length / 8) * 8);
  await file.write(notes, 0, notes.length, Number(notesAt));
  await file.write(table, 0, table.length, Number(tableAt));
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(tableAt);
  const count = Buffer.alloc(2);
  count.writeUInt16LE(entries.length);
  await file.write(count, 0, count.length, header.count);
  await file.write(place, 0, place.length, header.programs);
}

/** The part of a segment that the kernel's image is mapped to. */
function imageOf({ offset, physical, bytes }: Segment, kernel: KernelPlace): Buffer[] {
  const start = physical > kernel.physical ? physical : kernel.physical;
  const [end, most] = [physical + bytes, kernel.physical + kernel.bytes];
  const stop = end < most ? end : most;
  if (stop <= start) return [];
  return [
    entry({
      type: type.load,
      offset: offset + start - physical,
      virtual: kernel.virtual + start - kernel.physical,
      physical: start,
      bytes: stop - start,
    }),
  ];
}

function entry(part: {
  readonly type: number;
  readonly offset: bigint;
  readonly virtual: bigint;
  readonly physical: bigint;
  readonly bytes: bigint;
}): Buffer {
  const into = Buffer.alloc(entryBytes);
  into.writeUInt32LE(part.type, 0);
  into.writeBigUInt64LE(part.offset, 8);
  into.writeBigUInt64LE(BigInt.asUintN(64, part.virtual), 16);
  into.writeBigUInt64LE(part.physical, 24);
  into.writeBigUInt64LE(part.bytes, 32);
  into.writeBigUInt64LE(part.bytes, 40);
  return into;
}

function noteOf(name: string, content: Buffer): Buffer {
  const owner = Buffer.from(`${name}\0`);
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(owner.length, 0);
  sizes.writeUInt32LE(content.length, 4);
  return Buffer.concat([sizes, padded(owner), padded(content)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

async function readAt(file: FileHandle, offset: bigint, bytes: number): Promise<Buffer> {
  const into = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(into, filled, bytes - filled, Number(offset) + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return into.subarray(0, filled);
}
