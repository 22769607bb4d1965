import { expect, test } from "vitest";
import { verboseLog } from "../../src/guest/zx-verbose.ts";

const about = { verbose: true, id: "1" } as const;

test("a verbose command's output comes in whole lines, however it arrives, and nothing in it moves a cursor", () => {
  const shown: string[] = [];
  const log = verboseLog((text) => shown.push(text));
  log({ kind: "cmd", cmd: "echo \x1b[2J", cwd: "/", ...about });
  log({ kind: "stdout", data: Buffer.from("one\ntw"), ...about });
  log({ kind: "stderr", data: Buffer.from("an error\n"), ...about });
  const euro = Buffer.from("o €\nno end");
  log({ kind: "stdout", data: euro.subarray(0, 3), ...about });
  log({ kind: "stdout", data: euro.subarray(3), ...about });
  log({ kind: "end", exitCode: 0, signal: null, duration: 1, error: null, ...about });
  expect(shown).toEqual(["guest $ echo ", "one", "an error", "two €", "no end"]);
});

test("a command that is not verbose shows nothing", () => {
  const shown: string[] = [];
  const log = verboseLog((text) => shown.push(text));
  log({ kind: "stdout", data: Buffer.from("one\n"), id: "1", verbose: false });
  expect(shown).toEqual([]);
});
