import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { makeRunDirectory, type RunDirectory, reap } from "../../src/machine/run-directory.ts";

let dir = "";
let root = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-run-directory-"));
  root = join(dir, "run");
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
});

/** A machine's folder with files in it and one elsewhere. */
async function made(): Promise<RunDirectory> {
  const directory = await makeRunDirectory(root);
  const layers = join(dir, "layers");
  await mkdir(layers);
  await directory.extend(layers);
  for (const file of [join(layers, "disk"), join(directory.own, "seed.img")]) await writeFile(file, "x");
  return directory;
}

/** Make it somebody's who is gone. */
async function orphan({ path }: RunDirectory): Promise<void> {
  const file = join(path, "owner.json");
  const record = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...record, owner: { ...record.owner, startTime: "1" } }));
}

describe("a machine's folder", () => {
  test.each([
    ["when the machine ends", async (each: RunDirectory) => await each[Symbol.asyncDispose]()],
    ["at once", async (each: RunDirectory) => each.removeNow()],
    [
      "by a later start",
      async (each: RunDirectory) => {
        await orphan(each);
        expect(await reap(root)).toBe(1);
      },
    ],
  ])("is removed %s, with what lies elsewhere", async (_when, remove) => {
    await remove(await made());
    expect(await readdir(root)).toEqual([]);
    expect(await readdir(dir)).toEqual(["run"]);
  });

  test("whose removal was cut short still names its owner, so that a later start removes the rest", async () => {
    const directory = await made();
    // A name that no file can have: its removal fails, whoever tries it.
    await directory.extend("/\0");
    expect(() => directory.removeNow()).toThrow("null bytes");
    await expect(directory[Symbol.asyncDispose]()).rejects.toThrow("null bytes");
    expect(await readdir(directory.path)).toContain("owner.json");
  });
});
