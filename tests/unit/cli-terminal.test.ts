import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { acceleratorHere } from "../../src/campaign/accelerator-here.ts";
import { cellKey, reproKey } from "../../src/campaign/cell-key.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { runInTerminal, screenOf } from "./terminal.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const source = (name: string): string => new URL(`../../src/${name}`, import.meta.url).href;
const { signal } = new AbortController();
const dir = await mkdtemp(join(tmpdir(), "dstate-terminal-"));
const env = { DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") };
afterAll(async () => await rm(dir, { recursive: true, force: true }));

/** A matrix whose every trial was run before: a whole command, with progress and a result, without a machine. */
beforeAll(async () => {
  const file = join(dir, "repros/known/repro.ts");
  await mkdir(join(dir, "repros/known"), { recursive: true });
  await writeFile(
    file,
    `import { defineRepro } from ${JSON.stringify(source("index.ts"))};
    export default defineRepro({
      id: "known", title: "known", upstream: ["https://example.org"], axes: { kernel: ["6.1.129"] },
      cells: { bad: [{}], control: [{}] }, deadline: "1m",
      trial: async () => ({}), signature: () => true, healthy: () => true, summary: () => "",
    });`,
  );
  const context = { settings: readSettings(env), progress: silent, signal };
  const accelerator = await acceleratorHere(context);
  using ledger = await Ledger.open(context);
  const cell = { kernel: "6.1.129", node: undefined, env: {}, image: "debian", axes: {} } as const;
  const key = cellKey(`known ${await reproKey(file)}`, cell, { accelerator });
  for (const startedAt of ["2026-11-26T08:00:00Z", "2026-11-26T08:01:00Z"])
    ledger.addTrial("known", {
      cell: key,
      outcome: "reproduced",
      summary: "it failed",
      evidence: "/logs/the-last-line",
      startedAt,
      took: 1000,
      ranBy: "matrix",
    });
});

describe("a terminal", () => {
  test("keeps the last line of a result", async () => {
    const argv = [process.execPath, bin, "matrix", "known", "--trials", "2"];
    const { exitCode, screen } = await runInTerminal(argv, { cwd: dir, env });
    expect(exitCode, screen).toBe(1);
    expect(screen).toContain("done: known in 1 cell: 1 fail (");
    expect(screen.trimEnd().split("\n").at(-1)).toBe("  evidence: /logs/the-last-line");
  });

  test("keeps what is printed while a step runs, above the step's moving line", async () => {
    const { exitCode, raw, screen } = await runSteps(
      `await step(context.progress, "outer", async (outer) => {
        outer.update({ detail: "moving" });
        session.print("a result\\nof two lines");
        session.say("a remark");
        outer.conclude("well");
      });
      session.print("the end");`,
    );
    expect(exitCode, screen).toBe(0);
    expect(raw).toMatch(/outer, \d+ms: moving/);
    expect(screen.trimEnd().split("\n")).toEqual([
      "a result",
      "of two lines",
      "a remark",
      expect.stringMatching(/^done: outer: well \(\d+m?s\)$/),
      "the end",
    ]);
  });

  test("shows what a repro prints by itself beside the result, and nothing of a guest raw in it", async () => {
    const { exitCode, raw, screen } = await runSteps(
      `await step(context.progress, "trial", async () => console.log("saw %s", "\\x1b]0;owned\\x07this", { rounds: 7 }));
      session.print("the end");`,
    );
    expect(exitCode, screen).toBe(0);
    expect(raw).not.toContain("owned");
    expect(screen.trimEnd().split("\n")).toEqual([
      "saw this { rounds: 7 }",
      expect.stringMatching(/^done: trial \(/),
      "the end",
    ]);
  });

  test("has a table that fills above the step's moving line, and takes it away in the end", async () => {
    const { raw, screen } = await runSteps(
      `await step(context.progress, "matrix", async () => {
        session.board(({ width, height }) => \`room \${width} x \${height}\nsecond line\`);
        session.say("a remark");
      });
      session.print("the end");`,
    );
    expect(raw).toMatch(/room 79 x 22\r?\nsecond line\r?\nmatrix, /);
    expect(screen.trimEnd().split("\n")).toEqual([
      "a remark",
      expect.stringMatching(/^done: matrix \(/),
      "the end",
    ]);
  });

  test.each([
    ["that cannot move its cursor has plain lines", { TERM: "dumb" }, []],
    ["of somebody who wants no colours has none", { NO_COLOR: "1" }, []],
    ["of anybody else has colours and moving lines", { NO_COLOR: "" }, ["red", "moves"]],
  ])("%s", async (_what, more, wanted) => {
    const { raw } = await runSteps(
      `await step(context.progress, "outer", async () => {});
      session.print(styled(session.colour));`,
      more,
    );
    expect([
      ...(raw.includes("\x1b[31mword") ? ["red"] : []),
      // Synchronised output, or an erased line.
      ...(/\x1b\[(?:\?2026h|2K)/.test(raw) ? ["moves"] : []),
    ]).toEqual("NO_COLOR" in more && more.NO_COLOR === "1" ? ["moves"] : wanted);
  });

  test("of somebody who wants it quiet has the result, and of somebody who wants more the commands", async () => {
    const argv = [process.execPath, bin, "matrix", "known", "--trials", "2"];
    const quiet = await runInTerminal([...argv, "--quiet"], { cwd: dir, env });
    expect(quiet.screen).not.toContain("done: known");
    expect(quiet.screen).toContain("evidence: /logs/the-last-line");
    const setup = [process.execPath, bin, "kernels", "list", "--verbose"];
    const verbose = await runInTerminal(setup, { cwd: dir, env });
    expect(verbose.screen, verbose.raw).toMatch(/^\[dstate host\] > /m);
  });

  test("calls a step that the user ended stopped, and one that broke failed", async () => {
    const { screen } = await runSteps(
      `const fail = (title) => step(context.progress, title, async () => { throw new Error(title); });
      await fail("before").catch(() => {});
      const stopped = new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      const alive = setInterval(() => {}, 1000);
      process.kill(process.pid, "SIGINT");
      await stopped;
      clearInterval(alive);
      await fail("after").catch(() => {});`,
    );
    expect(screen).toMatch(/^failed: before/m);
    expect(screen).toMatch(/^SIGINT: ending orderly/m);
    expect(screen).toMatch(/^stopped: after/m);
  });
});

describe("a session", () => {
  /** Run lines of a command, whose standard error has a reader until its first line. */
  async function runUnread(lines: string): Promise<{ exitCode: number | null; stdout: string }> {
    const child = spawn(process.execPath, [await stepsFile(lines)], {
      cwd: dir,
      env: { ...process.env, ...env },
    });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.once("data", () => child.stderr.destroy());
    const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { exitCode, stdout };
  }

  test("goes on to its result when nobody reads its progress any more", async () => {
    const ended = await runUnread(
      `for (let index = 0; index < 200; index += 1)
        await step(context.progress, "step " + index, () => new Promise((done) => setImmediate(done)));
      session.print("the result");`,
    );
    expect(ended).toEqual({ exitCode: 0, stdout: "the result\n" });
  });

  test.each([
    ["by two SIGHUP, which the kernel and a shell send", ["SIGHUP", "SIGHUP"], "orderly"],
    ["by two SIGINT, which an impatient person sends", ["SIGINT", "SIGINT"], ""],
    ["by SIGHUP and SIGINT", ["SIGHUP", "SIGINT"], ""],
  ])("that is ended %s", async (_how, names, said) => {
    const { stdout } = await runUnread(
      `const alive = setInterval(() => {}, 1000);
      for (const name of ${JSON.stringify(names)}) {
        const told = new Promise((resolve) => process.once(name, resolve));
        process.kill(process.pid, name);
        await told;
      }
      clearInterval(alive);
      if (context.signal.aborted) session.print("orderly");`,
    );
    expect(stdout.trim()).toBe(said);
  });
});

/** Run lines of a command in a terminal. */
async function runSteps(lines: string, more: NodeJS.ProcessEnv = {}): ReturnType<typeof runInTerminal> {
  const argv = [process.execPath, await stepsFile(lines)];
  return await runInTerminal(argv, { cwd: dir, env: { ...env, ...more } });
}

/** A program that has a session and does some lines in it. */
async function stepsFile(lines: string): Promise<string> {
  const file = join(dir, `steps-${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(
    file,
    `import { openSession } from ${JSON.stringify(source("cli/session.ts"))};
    import { step } from ${JSON.stringify(source("base/progress.ts"))};
    import { styleText } from "node:util";
    const styled = (colour) => (colour ? styleText("red", "word", { validateStream: false }) : "word");
    const session = openSession();
    const context = await session.context();
    ${lines}
    session[Symbol.dispose]();`,
  );
  return file;
}

test.each([
  ["a\r\nb\r\n", "a\nb\n"],
  ["step\r\n\x1b[2K\x1b[1A\x1b[2K\x1b[Gdone\r\n", "done\n"],
  ["kept\r\ngone\r\n\x1b[2K\x1b[1A\x1b[2K\x1b[G", "kept\n\n"],
])("the reader of the screen shows %j as a terminal would", (text, screen) => {
  expect(screenOf(text)).toBe(screen);
});
