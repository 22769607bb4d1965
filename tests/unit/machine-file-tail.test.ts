import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FileTail } from "../../src/machine/file-tail.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-tail-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

test("what is appended to a file comes out as it is written, and the rest when its writer has ended", async () => {
  const path = join(dir, "console");
  const opened = FileTail.open(path, { within: "20s" });
  await writeFile(path, "");
  const tail = await opened;
  let said = "";
  tail.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await appendFile(path, "one\n");
  await expect.poll(() => said).toBe("one\n");
  // More than one read takes.
  await appendFile(path, "x".repeat(200_000));
  await tail.rest();
  await expect.poll(() => said.length).toBe(200_004);
  tail.destroy();
});

test("a file that is there already is followed from its beginning, and nothing is written to it", async () => {
  const path = join(dir, "old");
  await writeFile(path, "before\n");
  const tail = await FileTail.open(path, { within: "20s" });
  let said = "";
  tail.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await new Promise((resolve) => tail.write("typed", resolve));
  await tail.rest();
  await expect.poll(() => said).toBe("before\n");
  tail.destroy();
});
