import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const dir = await mkdtemp(join(tmpdir(), "dstate-matrix-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

test.concurrent.each([
  ["an environment without a value", ["--env", "UV_USE_IO_URING"], "is no environment"],
  ["an axis that the repro has not", ["--axis", "speed=fast"], 'no axis "speed"'],
  ["a value that the axis has not", ["--axis", "workload=yarn"], 'no value "yarn"'],
  ["what names no kernel", ["--kernel", "6.1.129,latest:"], "names no kernel"],
  ["a reversed range", ["--kernel", "6.1.129..6.1.106"], "is reversed"],
  ["a confidence of 1", ["--confidence", "1"], "a number between 0 and 1"],
])(
  "%s ends with a sentence and exit code 2, and nothing is run",
  async (_name, argv, sentence) => {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number | null; text: string }>();
    const env = { ...process.env, DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") };
    const child = execFile(
      process.execPath,
      [bin, "matrix", "io-uring-dstate", ...argv],
      { env },
      (_, out, text) => resolve({ exitCode: child.exitCode, text: out + text }),
    );
    const { exitCode, text } = await promise;
    expect(text).toContain(sentence);
    expect(text).not.toContain("trial:");
    expect(exitCode).toBe(2);
  },
  60_000,
);
