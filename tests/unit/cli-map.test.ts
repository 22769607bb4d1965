import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-map-"));
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

test.concurrent.each([
  ["without a line", [], "say which lines of releases to map"],
  ["with what is no line", ["--series", "6"], '"6" is no line of stable releases'],
  ["with an empty line", ["--series", "6.1,"], "nothing empty in it"],
  ["over a line that cannot be had", ["--series", "9.9"], "no release of 9.9 can be had here"],
  ["over a reversed range", ["--series", "6.1.129..6.1.106"], "is reversed"],
  ["with a certainty of 1", ["--series", "6.1", "--confidence", "1"], "a number between 0 and 1"],
  [
    "with a gate in no language",
    ["--series", "6.1", "--gate", "cobol"],
    "Allowed choices are c, node, shell",
  ],
])(
  "a map %s ends with a sentence and exit code 2, and leaves nothing behind",
  async (_name, argv, sentence) => {
    const env = { ...process.env, DSTATE_LOGS: join(dir, "logs"), DSTATE_CACHE: join(dir, "cache") };
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number | null; text: string }>();
    const whole = [bin, "map", "io-uring-dstate", ...argv];
    const child = execFile(process.execPath, whole, { cwd: dir, env }, (_error, _stdout, text) =>
      resolve({ exitCode: child.exitCode, text }),
    );
    const { exitCode, text } = await promise;
    expect(text).toContain(sentence);
    expect(exitCode).toBe(2);
    expect(await readdir(dir)).not.toContain("logs");
  },
  60_000,
);
