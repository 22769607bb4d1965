/** A part of a file, in bytes. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** Where an ELF file keeps its two tables. */
export interface ElfTables {
  readonly wide: boolean;
  readonly little: boolean;
  readonly programs: Range & { readonly each: number };
  /** Empty where they were stripped. */
  readonly sections: Range & { readonly each: number };
}

/** How much of a file {@link readElfTables} wants. */
export const elfHeaderBytes = 64;

/** Whether a file starts as an ELF file does. */
export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/**
 * Where an ELF file's tables are.
 *
 * @param head its first {@link elfHeaderBytes} bytes.
 * @returns undefined: it is no ELF file, or ends within its header.
 * @see https://man7.org/linux/man-pages/man5/elf.5.html
 */
export function readElfTables(head: Uint8Array): ElfTables | undefined {
  if (!isElf(head)) return undefined;
  const wide = head[4] === 2;
  const little = head[5] !== 2;
  if (head.length < (wide ? 64 : 52)) return undefined;
  const { number, half } = reader(head, little);
  const [programs, sections, counts] = wide ? [32, 40, 54] : [28, 32, 42];
  const table = (at: number, sizes: number): ElfTables["programs"] => {
    const each = half(sizes);
    return { offset: number(at, wide), each, size: each * half(sizes + 2) };
  };
  return { wide, little, programs: table(programs, counts), sections: table(sections, counts + 4) };
}

/** Of which segments and sections readelf needs the contents: strings, symbols, their versions, what is dynamic. */
const segmentTypes = new Set([2, 3]);
const sectionTypes = new Set([2, 3, 6, 11, 0x6ffffffd, 0x6ffffffe, 0x6fffffff]);
const PT_LOAD = 1;

/**
 * The parts of an ELF file that say what it asks of its loader and what its symbols are called: a file with holes
 * in place of everything else is read just as well.
 *
 * @param programs the contents of `tables.programs`.
 * @param sections the contents of `tables.sections`.
 * @returns those parts, and how long the file must be at least to be whole.
 */
export function linkingParts(
  tables: ElfTables,
  programs: Uint8Array,
  sections: Uint8Array,
): { readonly parts: readonly Range[]; readonly end: number } {
  const { wide, little } = tables;
  const parts: Range[] = [
    { offset: 0, size: elfHeaderBytes },
    { offset: tables.programs.offset, size: tables.programs.size },
    { offset: tables.sections.offset, size: tables.sections.size },
  ];
  let end = Math.max(...parts.map(({ offset, size }) => offset + size));
  for (const entry of entries(programs, tables.programs.each, little)) {
    const part = { offset: entry.number(wide ? 8 : 4, wide), size: entry.number(wide ? 32 : 16, wide) };
    const type = entry.number(0, false);
    if (type === PT_LOAD) end = Math.max(end, part.offset + part.size);
    if (segmentTypes.has(type)) parts.push(part);
  }
  for (const entry of entries(sections, tables.sections.each, little)) {
    const part = { offset: entry.number(wide ? 24 : 16, wide), size: entry.number(wide ? 32 : 20, wide) };
    if (sectionTypes.has(entry.number(4, false))) parts.push(part);
  }
  return { parts: parts.filter(({ size }) => size > 0), end };
}

function entries(table: Uint8Array, each: number, little: boolean): ReturnType<typeof reader>[] {
  if (each === 0) return [];
  const count = Math.floor(table.length / each);
  return Array.from({ length: count }, (_, index) =>
    reader(table.subarray(index * each, (index + 1) * each), little),
  );
}

/** Numbers at offsets; what lies beyond the end is zero, for a table may be cut off. */
function reader(
  bytes: Uint8Array,
  little: boolean,
): { half(at: number): number; number(at: number, wide: boolean): number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const within = (at: number, size: number): boolean => at + size <= view.byteLength;
  return {
    half: (at) => (within(at, 2) ? view.getUint16(at, little) : 0),
    number: (at, wide) => {
      if (!within(at, wide ? 8 : 4)) return 0;
      return wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
    },
  };
}
