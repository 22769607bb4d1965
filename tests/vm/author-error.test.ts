import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { trialFileSchema } from "../../src/report/documents/json-schemas.ts";
import { kernel } from "./vm.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-author-"));
  await mkdir(join(dir, "repros/mistaken"), { recursive: true });
  await writeFile(
    join(dir, "repros/mistaken/repro.ts"),
    `import { defineRepro } from ${JSON.stringify(library)};
    import { trial } from "./trial.ts";
    export default defineRepro({
      id: "mistaken", title: "none", upstream: ["https://example.org"], deadline: "1m",
      axes: { kernel: [${JSON.stringify(kernel)}], own: { shows: ["mistake", "in-signature", "command", "shell", "late", "nothing"] } },
      cells: { bad: [{}], control: [{ axes: { shows: "nothing" } }] },
      machine: { cpus: 1, memory: "512MiB" },
      trial,
      signature: (seen) => seen.shows === "in-signature" && seen.nothing.length > 0,
      healthy: () => true, summary: () => "it went on",
    });`,
  );
  await writeFile(
    join(dir, "repros/mistaken/trial.ts"),
    [
      "export async function trial({ vm, cell, signal }) {",
      "  const { shows } = cell.axes;",
      '  if (shows === "mistake") read(undefined);',
      '  if (shows === "command") await vm.guest.exec("echo why >&2; exit 3", { signal });',
      '  if (shows === "shell") await vm.$`echo why >&2; exit 3`;',
      '  if (shows === "late") await late(vm, signal);',
      "  return { shows };",
      "}",
      "const read = (value) => value.nothing;",
      "const late = async (vm, signal) => {",
      '  await vm.guest.spawn("echo a job begins; sleep 1000", { signal });',
      '  await vm.guest.exec("echo well so far; echo trouble >&2; sleep 1000", { within: "3s", signal });',
      "};",
    ].join("\n"),
  );
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function dstate(
  ...argv: string[]
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], { cwd: dir, env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

/** What was saved of the trial that an error names. */
async function savedTrial(stderr: string): Promise<unknown> {
  const folder = /^ {2}evidence: (.+)$/m.exec(stderr)?.[1] ?? "";
  const saved: unknown = JSON.parse(await readFile(join(folder, "trial.json"), "utf8"));
  const known = trialFileSchema.parse(saved);
  // The published schema tells of every field.
  expect(saved).toEqual(known);
  return saved;
}

test("a mistake in a repro's trial is told with its stack, saved, and ends a check at its first cell", async () => {
  const { exitCode, stderr } = await dstate("check", "mistaken", "--jobs", "1");
  expect(exitCode).toBe(2);
  expect(stderr).toContain('`trial` of the repro "mistaken" threw TypeError: ');
  expect(stderr).toMatch(
    /^ {4}at read \(.*\/trial\.ts:9:31\)\n {4}at (?:async )?trial \(.*\/trial\.ts:3:28\)$/m,
  );
  expect(stderr.match(/^trial: /gm)).toHaveLength(1);
  expect(await savedTrial(stderr)).toMatchObject({
    schemaVersion: 1,
    outcome: "usage-error",
    versions: {
      dstate: expect.stringMatching(/^\d+\.\d+\.\d+/),
      qemu: expect.stringMatching(/^\d+\.\d+/),
      repro: expect.stringMatching(/^[0-9a-f]{12}$/),
    },
    problem: { type: "TypeError", place: { file: join(dir, "repros/mistaken/trial.ts"), line: 9 } },
  });
});

test("a mistake in a signature ends a matrix at once, and what the trial saw is saved", async () => {
  const { exitCode, stdout, stderr } = await dstate(
    ...["matrix", "mistaken", "--axis", "shows=in-signature,nothing", "--trials", "20", "--jobs", "2"],
  );
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^ {4}at Object\.signature \(.*\/repro\.ts:9:\d+\)$/m);
  expect(await savedTrial(stderr)).toMatchObject({
    outcome: "usage-error",
    observation: { shows: "in-signature" },
  });
  // Two side by side, and at the most one more that began while the first of them was judged.
  expect(stderr.match(/^trial: /gm)?.length).toBeLessThanOrEqual(3);
  expect(stdout).not.toContain("usage-error");
});

test.each([
  ["command", 4, /^ {2}"echo why .*ended with exit code 3: why$/m],
  ["shell", 5, /exit code: 3/],
] as const)(
  "a failing %s in the guest leaves a trial inconclusive, and says where it was run",
  async (shows, line, words) => {
    const { exitCode, stdout } = await dstate("run", "mistaken", "--axis", `shows=${shows}`);
    expect(exitCode).toBe(125);
    expect(stdout).toMatch(words);
    expect(stdout).toMatch(new RegExp(`^ {2}at .*/trial\\.ts:${line}:\\d+$`, "m"));
  },
);

test("a command that is late has what it printed in the trial's folder, and so has a job that still runs", async () => {
  const { exitCode, stdout } = await dstate("run", "mistaken", "--axis", "shows=late");
  expect(exitCode).toBe(125);
  expect(stdout).toMatch(/waited 3\.0 s for "echo well so far.*it had printed last: trouble$/m);
  const folder = /^ {2}evidence: (.+)$/m.exec(stdout)?.[1] ?? "";
  expect(await readFile(join(folder, "unfinished-commands.txt"), "utf8")).toBe(
    [
      ...[
        "$ echo a job begins; sleep 1000",
        "--- standard output",
        "a job begins",
        "--- standard error",
        "",
        "",
      ],
      "$ echo well so far; echo trouble >&2; sleep 1000",
      ...["--- standard output", "well so far", "--- standard error", "trouble", ""],
    ].join("\n"),
  );
});
