import { open } from "node:fs/promises";

/**
 * A file's bytes, or its beginning and its end where it has more than `most`, with a line between them that says
 * what is left out. What came last tells most: it gets two thirds.
 */
export async function headAndTail(
  path: string,
  bytes: number,
  most: number,
): Promise<{ text: Buffer; omitted: number }> {
  await using file = await open(path, "r");
  const read = async (from: number, length: number): Promise<Buffer> =>
    (await file.read(Buffer.alloc(length), 0, length, from)).buffer;
  if (bytes <= most) return { text: await read(0, bytes), omitted: 0 };
  const head = Math.floor(most / 3);
  const tail = Math.max(0, most - head);
  const omitted = bytes - head - tail;
  const note = `\n[dstate: ${omitted} bytes of this file are not in this page]\n`;
  return {
    text: Buffer.concat([await read(0, head), Buffer.from(note), await read(bytes - tail, tail)]),
    omitted,
  };
}
