import type { Payload } from "./platform.ts";

const magics = [
  ["gzip", "1f8b"],
  ["xz", "fd377a585a00"],
  ["zstd", "28b52ffd"],
  ["lz4", "02214c18"],
  ["lzma", "5d000000"],
  ["bzip2", "425a68"],
  ["lzo", "894c5a4f"],
  ["none", "7f454c46"],
] as const;

/** Whether a file that begins like this is a bzImage. @see https://docs.kernel.org/arch/x86/boot.html */
export function isBzImage(head: Buffer): boolean {
  return head.toString("latin1", 0x202, 0x206) === "HdrS";
}

/**
 * The compressed vmlinux inside a bzImage.
 *
 * @see https://docs.kernel.org/arch/x86/boot.html
 * @returns undefined when the file is no bzImage of boot protocol 2.08 or later, or is compressed in a way
 *   that is not known here.
 */
export function payloadOf(bzImage: Buffer): Payload | undefined {
  if (bzImage.length < 0x250 || !isBzImage(bzImage)) return undefined;
  if (bzImage.readUInt16LE(0x206) < 0x208) return undefined;
  // 0 stands for 4 sectors, for the sake of very old kernels.
  const setupSectors = bzImage.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + bzImage.readUInt32LE(0x248);
  const data = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c));
  const head = data.toString("hex", 0, 8);
  const compression = magics.find(([, magic]) => head.startsWith(magic))?.[0];
  if (compression === undefined) return undefined;
  // The build appends the unpacked size, which all but gzip have no place for.
  return {
    data: compression === "gzip" || compression === "none" ? data : data.subarray(0, -4),
    compression,
  };
}

/** XEN_ELFNOTE_PHYS32_ENTRY: where a hypervisor enters a kernel in 32-bit mode. */
const physicalEntry = 18;

/**
 * Whether an ELF kernel says where QEMU can enter it directly (PVH).
 *
 * @see https://xenbits.xen.org/docs/unstable/misc/pvh.html
 */
export function hasPvhNote(elf: Buffer): boolean {
  if (elf.length < 64 || elf.toString("latin1", 0, 4) !== "\x7fELF" || elf[4] !== 2) return false;
  const table = Number(elf.readBigUInt64LE(0x20));
  const size = elf.readUInt16LE(0x36);
  const count = elf.readUInt16LE(0x38);
  for (let index = 0; index < count; index += 1) {
    const header = table + index * size;
    if (header + 56 > elf.length) return false;
    const noteSegment = 4;
    if (elf.readUInt32LE(header) !== noteSegment) continue;
    const start = Number(elf.readBigUInt64LE(header + 8));
    const length = Number(elf.readBigUInt64LE(header + 32));
    if (
      notesOf(elf.subarray(start, start + length)).some(
        ({ name, type }) => name === "Xen" && type === physicalEntry,
      )
    ) {
      return true;
    }
  }
  return false;
}

function notesOf(segment: Buffer): { name: string; type: number }[] {
  const notes = [];
  const aligned = (length: number): number => (length + 3) & ~3;
  for (let at = 0; at + 12 <= segment.length; ) {
    const nameLength = segment.readUInt32LE(at);
    const valueLength = segment.readUInt32LE(at + 4);
    const name = segment.toString("latin1", at + 12, at + 12 + Math.max(nameLength - 1, 0));
    notes.push({ name, type: segment.readUInt32LE(at + 8) });
    at += 12 + aligned(nameLength) + aligned(valueLength);
  }
  return notes;
}
