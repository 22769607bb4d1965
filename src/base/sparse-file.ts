import { basename, dirname } from "node:path";
import { Readable } from "node:stream";
import { InfraError } from "./errors.ts";
import { filter } from "./filter.ts";

/** A piece of a file's data, and where it lies in it. Between pieces are holes, which read as zeros. */
export interface DataPiece {
  readonly at: number;
  readonly data: Buffer;
}

const block = 512;

/**
 * A file's data without its holes. To read a hole is to have the kernel clear memory for it: a file system of 2 GiB
 * for a small workload takes seconds. Node cannot ask where holes are (SEEK_HOLE), and GNU tar can.
 *
 * @throws {InfraError} for what is no archive of GNU tar's with this one file.
 * @see https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
 */
export async function* dataOf(path: string): AsyncGenerator<DataPiece> {
  const argv: [string, ...string[]] = [
    "tar",
    "--create",
    "--file=-",
    "--format=posix",
    "--sparse",
    "--sparse-version=1.0",
    `--directory=${dirname(path)}`,
    `./${basename(path)}`,
  ];
  const { signal } = new AbortController();
  const archive = new Archive(filter(argv, Readable.from([]), { signal, install: "Install tar." }));
  try {
    const { isSparse, bytes } = await archive.member();
    let left = bytes;
    let map: [number, number][] = [[0, bytes]];
    if (isSparse) {
      const read = await archive.map();
      map = read.map;
      left -= read.bytes;
    }
    for (const [at, size] of map) {
      left -= size;
      if (left < 0) throw odd("its data is shorter than its map");
      for (let done = 0; done < size; ) {
        const data = await archive.some(size - done);
        yield { at: at + done, data };
        done += data.length;
      }
    }
  } finally {
    await archive.close();
  }
}

function odd(why: string): InfraError {
  return new InfraError(`tar did not say where a file's data lies: ${why}`);
}

/** Reads an archive piece by piece. */
class Archive {
  readonly #source: AsyncGenerator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncGenerator<Buffer>) {
    this.#source = source;
  }

  /** What is there, at most so many bytes and at least one. */
  async some(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) throw odd("the archive ends too early");
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  async exactly(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = bytes; left > 0; ) {
      const piece = await this.some(left);
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Read up to the data of the file. */
  async member(): Promise<{ readonly isSparse: boolean; readonly bytes: number }> {
    let isSparse = false;
    let told: number | undefined;
    for (;;) {
      const header = await this.exactly(block);
      const type = String.fromCharCode(header[156] ?? 0);
      const size = Number.parseInt(header.subarray(124, 136).toString(), 8);
      if (type !== "x") {
        if (type !== "0" || !Number.isSafeInteger(told ?? size)) throw odd("its header is of another kind");
        return { isSparse, bytes: told ?? size };
      }
      const words = (await this.exactly(Math.ceil(size / block) * block))
        .subarray(0, size)
        .toString("latin1");
      isSparse ||= words.includes(" GNU.sparse.major=1\n");
      const [, bytes] = / size=(\d+)\n/.exec(words) ?? [];
      if (bytes !== undefined) told = Number(bytes);
    }
  }

  /** The map before a sparse file's data, and what it takes. */
  async map(): Promise<{ readonly map: [number, number][]; readonly bytes: number }> {
    let text = "";
    let bytes = 0;
    for (;;) {
      text += (await this.exactly(block)).toString("latin1");
      bytes += block;
      const numbers = text.split("\n").slice(0, -1).map(Number);
      const [count] = numbers;
      if (count === undefined || !Number.isSafeInteger(count)) throw odd("its map is none");
      if (numbers.length < 1 + 2 * count) continue;
      const map = Array.from({ length: count }, (_, index): [number, number] => [
        numbers[1 + 2 * index] ?? Number.NaN,
        numbers[2 + 2 * index] ?? Number.NaN,
      ]);
      if (!map.flat().every(Number.isSafeInteger)) throw odd("its map is none");
      return { map, bytes };
    }
  }

  async close(): Promise<void> {
    await this.#source.return(undefined).catch(() => {});
  }
}
