import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256OfFile } from "../../src/base/hash-file.ts";
import { dataOf } from "../../src/base/sparse-file.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-hash-"));
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

const mebi = 1024 ** 2;

/** A file with data at some places and holes between. */
async function sparse(
  name: string,
  size: number,
  data: readonly (readonly [number, Buffer])[],
): Promise<string> {
  const path = join(dir, name);
  await using file = await open(path, "w");
  await file.truncate(size);
  for (const [at, bytes] of data) await file.write(bytes, 0, bytes.length, at);
  return path;
}

async function bySteps(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

describe("the sha256 of a file", () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 3 * mebi + 5])(
    "of %i bytes is that of all its bytes",
    async (size) => {
      const path = await sparse(`plain-${size}`, 0, size === 0 ? [] : [[0, randomBytes(size)]]);
      expect(await sha256OfFile(path)).toBe(await bySteps(path));
    },
  );

  const large = 260 * mebi + 77;
  test.each<[string, number, [number, Buffer][]]>([
    ["nothing but a hole", large, []],
    ["data at its start", large, [[0, randomBytes(70_000)]]],
    ["data at its end", large, [[large - 5, randomBytes(5)]]],
    [
      "data in many places, more than one block of a map names",
      large,
      Array.from({ length: 200 }, (_, index) => [index * mebi + 4096, randomBytes(3000 + index)]),
    ],
  ])("with %s is the same, and its holes are not read", async (name, size, data) => {
    const path = await sparse(name.replaceAll(/\W+/g, "-"), size, data);
    expect((await stat(path)).blocks * 512).toBeLessThan(20 * mebi);
    expect(await sha256OfFile(path)).toBe(await bySteps(path));
    let bytes = 0;
    for await (const piece of dataOf(path)) bytes += piece.data.length;
    expect(bytes).toBeLessThan(20 * mebi);
  });

  test("is had also where tar is of no help", async () => {
    const path = await sparse("target", large, [[mebi, randomBytes(100)]]);
    await symlink(path, join(dir, "link"));
    await expect(Array.fromAsync(dataOf(join(dir, "link")))).rejects.toThrow("of another kind");
    expect(await sha256OfFile(join(dir, "link"))).toBe(await bySteps(path));
  });
});
