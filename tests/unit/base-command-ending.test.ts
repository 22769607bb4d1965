import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dstate-ending-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** Makes a file, says so, and removes it when it is told to end. */
const tidy = 'trap \'rm -f "$1"; exit 1\' TERM; : > "$1"; echo made; while :; do sleep 0.05; done';

async function endedWhenMade(name: string, ending: "at-once" | "orderly", script = tidy): Promise<unknown> {
  const stop = new AbortController();
  const options = {
    within: "60s",
    signal: stop.signal,
    ending,
    onOutput: () => stop.abort(new Error("stopped")),
  } as const;
  return await command(["sh", "-c", script, "sh", join(folder, name)], options).catch(
    (error: unknown) => error,
  );
}

test("a program that has things to remove is given the time to do it", async () => {
  expect(await endedWhenMade("orderly", "orderly")).toMatchObject({ message: "stopped" });
  expect(await readdir(folder)).not.toContain("orderly");
});

test("any other is ended at once", async () => {
  expect(await endedWhenMade("at-once", "at-once")).toMatchObject({ message: "stopped" });
  expect(await readdir(folder)).toContain("at-once");
});

test("one that does not end when it is told to is killed", async () => {
  const deaf = 'trap "" TERM; echo $$; while :; do sleep 0.05; done';
  let pid = 0;
  const stop = new AbortController();
  const deafened = command(["sh", "-c", deaf], {
    within: "60s",
    signal: stop.signal,
    ending: "orderly",
    onOutput: (text) => {
      pid = Number(text);
      stop.abort(new Error("stopped"));
    },
  });
  await expect(deafened).rejects.toThrow("stopped");
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
