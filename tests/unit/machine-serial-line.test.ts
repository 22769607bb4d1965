import { closeSync, constants, openSync, writeSync } from "node:fs";
import { mkdtemp, rm, symlink, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SerialPipes } from "../../src/machine/serial-line.ts";

const { signal } = new AbortController();
/** As QEMU opens its ends. */
const asQemu = constants.O_RDWR | constants.O_NONBLOCK;

async function makePipes() {
  const dir = await mkdtemp(join(tmpdir(), "dstate-serial-"));
  const path = join(dir, "console");
  return {
    path,
    pipes: await SerialPipes.make(path, { signal }),
    [Symbol.asyncDispose]: async () => await rm(dir, { recursive: true }),
  };
}

test("sixty thousand characters written one by one wait for a reader that has no processor", async () => {
  await using made = await makePipes();
  const out = openSync(`${made.path}.out`, asQemu);
  const text = "0123456789".repeat(6000);
  // No turn of the event loop in between: nobody reads.
  for (const character of text) expect(writeSync(out, character)).toBe(1);
  const line = made.pipes.connect();
  let read = "";
  line.output.on("data", (chunk: Buffer) => {
    read += chunk.toString();
  });
  closeSync(out);
  await line.rest();
  expect(read).toBe(text);
});

test("what a program that ended had printed last is read before the line is given up", async () => {
  await using made = await makePipes();
  const out = openSync(`${made.path}.out`, asQemu);
  const line = made.pipes.connect();
  const chunks: Buffer[] = [];
  line.output.on("data", (chunk: Buffer) => chunks.push(chunk));
  writeSync(out, "Kernel panic");
  closeSync(out);
  await line.rest();
  expect(Buffer.concat(chunks).toString()).toBe("Kernel panic");
});

test("a name that was changed after it was made leads nowhere else", async () => {
  await using made = await makePipes();
  const [out, keys] = [openSync(`${made.path}.out`, asQemu), openSync(`${made.path}.in`, asQemu)];
  for (const name of [`${made.path}.out`, `${made.path}.in`]) {
    await unlink(name);
    await symlink("/etc/hostname", name);
  }
  const line = made.pipes.connect();
  let read = "";
  line.output.on("data", (chunk: Buffer) => {
    read += chunk.toString();
  });
  await new Promise<void>((resolve) => line.input?.write("typed", () => resolve()));
  writeSync(out, "printed");
  closeSync(out);
  await line.rest();
  expect(read).toBe("printed");
  closeSync(keys);
});

test("pipes that no machine took are closed", async () => {
  await using made = await makePipes();
  made.pipes[Symbol.dispose]();
  const out = openSync(`${made.path}.out`, asQemu);
  closeSync(out);
  expect(() => made.pipes.connect()).toThrow("taken already");
});

test("a folder that is not there is said", async () => {
  await expect(SerialPipes.make("/nowhere/at/all", { signal })).rejects.toThrow("mkfifo");
});
