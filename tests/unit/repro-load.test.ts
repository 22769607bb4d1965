import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentIn } from "./documents.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;
const dir = await mkdtemp(join(tmpdir(), "dstate-load-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

/** A repro that works, but for what the file `trial.mts` or `trial.mjs` that it imports has wrong. */
const repro = (id: string, trial: string): string => `
  import { defineRepro } from ${JSON.stringify(library)};
  import { trial } from ${JSON.stringify(trial)};
  export default defineRepro({
    id: ${JSON.stringify(id)}, title: "none", upstream: ["https://example.org"],
    axes: { kernel: ["6.1.129"] }, cells: { bad: [{}], control: [{}] }, deadline: "1m",
    trial, signature: () => false, healthy: () => true, summary: () => "",
  });`;

/** By id: the file that is wrong, what is in it, the line that is to blame, and words about it. */
const broken: Record<string, { file: string; text: string; line: number; words: RegExp }> = {
  "no-typescript": {
    file: "trial.mts",
    text: "const one: number = 1;\n\nexport const trial = async (: { one };\n",
    line: 3,
    words: /trial\.mts:3: .*The line is: export const trial = async/s,
  },
  "no-javascript": {
    file: "trial.mjs",
    text: "let a = 1;\nlet a = 2;\n",
    line: 2,
    words: /trial\.mjs:2: Identifier 'a' has already been declared.*The line is: let a = 2;/s,
  },
  "no-export": {
    file: "trial.mts",
    text: 'import { nothing } from "node:path";\nexport const trial = async () => nothing;\n',
    line: 1,
    words: /trial\.mts:1: .*does not provide an export named 'nothing'/s,
  },
  "throws-at-once": {
    file: "trial.mts",
    text: "export const trial = async () => ({});\n(undefined as any).nothing;\n",
    line: 2,
    words: /repro\.ts cannot be loaded: TypeError: .*\(at .*trial\.mts:2:\d+\)/s,
  },
};

async function dstate(
  ...argv: string[]
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], { cwd: dir, env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

beforeAll(async () => {
  for (const [id, { file, text }] of Object.entries(broken)) {
    await mkdir(join(dir, "repros", id), { recursive: true });
    await writeFile(join(dir, "repros", id, "repro.ts"), repro(id, `./${file}`));
    await writeFile(join(dir, "repros", id, file), text);
  }
  await mkdir(join(dir, "repros/whole"));
  await writeFile(join(dir, "repros/whole/repro.ts"), repro("whole", "./trial.mts"));
  await writeFile(join(dir, "repros/whole/trial.mts"), "export const trial = async () => ({});\n");
});

describe("a repro that cannot be loaded", () => {
  test.concurrent.each(Object.keys(broken))(
    "is told with the file and the line that are to blame: %s",
    async (id) => {
      const { exitCode, stderr } = await dstate("run", id);
      expect(stderr).toMatch(broken[id]?.words ?? /never/);
      expect(exitCode).toBe(2);
    },
  );

  test("does not hide the others, and is listed with what is wrong", async () => {
    const table = await dstate("repros");
    expect(table.exitCode).toBe(0);
    expect(table.stdout).toMatch(/whole +│ none/);
    expect(table.stdout).toMatch(/no-typescript +│ BROKEN/);
    expect(table.stdout).toMatch(/^broken: no-export\n {2}.*trial\.mts:1: /m);
    const { stdout } = await dstate("repros", "--json");
    const { repros, broken: listed } = documentIn("repros", stdout);
    expect(repros).toContainEqual(expect.objectContaining({ id: "whole" }));
    expect(listed.map(({ id }) => id)).toEqual(Object.keys(broken).sort());
  });
});
