/** A bzImage with a payload. @see https://docs.kernel.org/arch/x86/boot.html */
export function bzImage(payload: Buffer, { protocol = 0x20f, setupSectors = 3 } = {}): Buffer {
  const offset = 0x40;
  const start = ((setupSectors || 4) + 1) * 512;
  const image = Buffer.alloc(start + offset + payload.length + 100);
  image.writeUInt8(setupSectors, 0x1f1);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt16LE(protocol, 0x206);
  image.writeUInt32LE(offset, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  payload.copy(image, start + offset);
  return image;
}

/** An ELF file with a segment of notes. */
export function elf(notes: Buffer): Buffer {
  const header = Buffer.alloc(64 + 56);
  header.write("\x7fELF\x02\x01", 0, "latin1");
  header.writeBigUInt64LE(64n, 0x20);
  header.writeUInt16LE(56, 0x36);
  header.writeUInt16LE(1, 0x38);
  header.writeUInt32LE(4, 64);
  header.writeBigUInt64LE(BigInt(header.length), 64 + 8);
  header.writeBigUInt64LE(BigInt(notes.length), 64 + 32);
  return Buffer.concat([header, notes]);
}

/** An ELF note without a value that matters. */
export function note(name: string, type: number): Buffer {
  const padded = Buffer.alloc((name.length + 4) & ~3);
  padded.write(name, "latin1");
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(8, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, padded, Buffer.alloc(8)]);
}
