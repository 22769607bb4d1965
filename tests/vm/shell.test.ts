import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { documentIn } from "../unit/documents.ts";
import { runInTerminal } from "../unit/terminal.ts";
import { kernel } from "./vm.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const dir = await mkdtemp(join(tmpdir(), "dstate-shell-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

test.each([
  ["warm", [], "it went on from a frozen machine", true],
  ["cold, as asked with --cold,", ["--cold"], "it booted", false],
] as const)(
  "a shell in a machine that starts %s ends with the code of the guest's shell",
  async (_start, argv, sentence, isWarm) => {
    const { exitCode, raw } = await runInTerminal(
      [process.execPath, bin, "shell", "io-uring-dstate", "--kernel", kernel, ...argv],
      {
        env: { DSTATE_LOGS: join(dir, "logs") },
        typed: [
          // The prompt of the guest's root.
          { after: "# ", text: "uname -r; pwd\r" },
          { after: "/srv/work\r", text: "exit 7\r" },
        ],
        within: 240_000,
      },
    );
    expect(raw).toContain(sentence);
    // Both terminals, the guest's and this one, put a carriage return before the end of a line.
    expect(raw.replace(/\r+\n/g, "\n")).toContain(`${kernel}\n/srv/work\n`);
    expect(exitCode).toBe(7);
    const log = /console's log: (\S+console\.log)/.exec(raw)?.[1] ?? "";
    const qemu = await readFile(join(dirname(log), "qemu-arguments.json"), "utf8");
    expect(qemu.includes('"-incoming"')).toBe(isWarm);
  },
);

test("a command in a machine of a cell has its document and its code, and needs no terminal", async () => {
  const argv = [
    "shell",
    "io-uring-dstate",
    "--kernel",
    kernel,
    "--json",
    "--",
    "sh",
    "-c",
    "uname -r; pwd; exit 3",
  ];
  const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
  const ran = await new Promise<{ code: number | null; stdout: string }>((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], { env }, (_error, stdout) =>
      resolve({ code: child.exitCode, stdout }),
    );
    child.stdin?.end();
  });
  expect(documentIn("shell", ran.stdout)).toMatchObject({
    cell: { kernel },
    stdout: `${kernel}\n/srv/work\n`,
    exitCode: 3,
  });
  expect(ran.code).toBe(1);
});
