import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { messageOf, UsageError } from "../../src/base/errors.ts";
import { findRepro } from "../../src/repro/find.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const cwd = await mkdtemp(join(tmpdir(), "dstate-find-"));
afterAll(async () => await rm(cwd, { recursive: true, force: true }));

const library = new URL("../../src/index.ts", import.meta.url).href;
const text = (id: string, from: string): string => `import { defineRepro } from ${JSON.stringify(from)};
export default defineRepro({
  id: ${JSON.stringify(id)}, title: "a test", upstream: ["https://example.org"], axes: { kernel: ["6.1.129"] },
  cells: { bad: [{}], control: [{}] }, deadline: "1m",
  trial: async () => ({}), signature: () => false, healthy: () => true, summary: () => "",
});
`;

const files = ["repro.ts", "repro.mts", "repro.js", "repro.mjs"];

beforeAll(async () => {
  for (const file of files) {
    const id = file.replace(".", "-");
    await mkdir(join(cwd, "repros", id), { recursive: true });
    await writeFile(join(cwd, "repros", id, file), text(id, library));
    await writeFile(join(cwd, "repros", id, "package.json"), '{ "type": "module" }');
  }
});

test.each(files)("a repro is found by its id, its folder and its file: %s", async (file) => {
  const id = file.replace(".", "-");
  const whole = join(cwd, "repros", id, file);
  for (const name of [id, `./repros/${id}`, `repros/${id}/${file}`, whole])
    expect(await findRepro(name, cwd)).toMatchObject({ repro: { id }, file: whole });
});

test("a repro that comes with dstate is found from any folder", async () => {
  expect((await findRepro("io-uring-dstate", cwd)).repro.id).toBe("io-uring-dstate");
});

test("a repro that is not there is refused with the names of those that are", async () => {
  const error: unknown = await findRepro("io-uring", cwd).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UsageError);
  expect(messageOf(error)).toContain("io-uring");
  expect(error).toHaveProperty("next", expect.stringContaining("io-uring-dstate, "));
  await expect(findRepro("./repros", cwd)).rejects.toHaveProperty(
    "next",
    expect.stringContaining("repro.mjs"),
  );
});

test("a repro gets the very dstate that runs it, also where none is installed or another one is", async () => {
  const place = join(cwd, "mine/repros/by-name");
  await mkdir(place, { recursive: true });
  await writeFile(join(place, "repro.mjs"), text("by-name", "dstate"));
  const list = async (): Promise<unknown> => {
    const { stdout } = await command([process.execPath, bin, "repros", "--json"], {
      within: "60s",
      cwd: join(cwd, "mine"),
    });
    return JSON.parse(stdout);
  };
  const whole = { repros: expect.arrayContaining([expect.objectContaining({ id: "by-name" })]), broken: [] };
  expect(await list()).toMatchObject(whole);
  const other = join(cwd, "mine/node_modules/dstate");
  await mkdir(other, { recursive: true });
  await writeFile(join(other, "package.json"), '{ "type": "module", "exports": "./other.js" }');
  await writeFile(join(other, "other.js"), 'throw new Error("the other dstate")');
  expect(await list()).toMatchObject(whole);
});
