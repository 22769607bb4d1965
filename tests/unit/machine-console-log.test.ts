import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { ConsoleLog } from "../../src/machine/console-log.ts";

let path = "";
beforeEach(async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-console-"));
  path = join(dir, "console.log");
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
});
const limits = { head: 2 ** 20, tail: 2 ** 16, waiting: 2 ** 22 };

test("a console that says little is in its file byte by byte", async () => {
  const log = new ConsoleLog(path, limits);
  for (const text of ["a", "\xff\0b\r\n", "c"]) log.write(Buffer.from(text, "latin1"));
  await log.end();
  expect(await readFile(path, "latin1")).toBe("a\xff\0b\r\nc");
});

test("a flood costs bounded memory and disk, and the file says how much is left out, between beginning and end", async () => {
  const log = new ConsoleLog(path, limits);
  const line = (index: number): Buffer => Buffer.from(`${`${index}`.padStart(1023)}\n`);
  const count = 128 * 1024;
  let most = 0;
  // All at once, as the kernel hands a socket's data over: no disk keeps up with that.
  for (let index = 0; index < count; index += 1) {
    log.write(line(index));
    most = Math.max(most, log.held);
  }
  await log.end();
  expect(most).toBeLessThan(limits.head + limits.waiting + 2 * limits.tail);
  const text = await readFile(path, "utf8");
  expect((await stat(path)).size).toBeLessThan(limits.head + 2 * limits.tail);
  expect(text.startsWith(line(0).toString() + line(1).toString())).toBe(true);
  expect(text.endsWith(line(count - 1).toString())).toBe(true);
  const lost = Number(/\[dstate: (\d+) bytes \(.*\) of the console are left out\]/.exec(text)?.[1]);
  const kept = text.split("\n").filter((each) => /^ +\d+$/.test(each)).length;
  expect(lost).toBe((count - kept) * 1024);
});
