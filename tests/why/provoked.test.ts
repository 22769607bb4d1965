import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseCell } from "../../src/lab/cell.ts";
import { contextOf, openVm } from "../../src/lab/open.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { connectToRunning } from "../../src/machine/user-monitor.ts";
import { askMachine } from "../../src/why/ask.ts";
import { chainsOf } from "../../src/why/chain.ts";
import { debugImageFor } from "../../src/why/debug-image.ts";
import type { TaskFacts, WaitFacts } from "../../src/why/facts.ts";
import { sentenceOf } from "../../src/why/verdict.ts";
import { provokingKernel } from "./provoke/kernel.ts";
import repro from "./provoke/repro.ts";

const here = fileURLToPath(new URL("./provoke", import.meta.url));
const program = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const dir = await mkdtemp(join(tmpdir(), "dstate-provoked-"));
const context = contextOf({});
let selector = "";

beforeAll(async () => {
  selector = await provokingKernel(context);
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly document: Record<string, unknown>;
  readonly bytes: number;
  readonly seconds: number;
}

/** Run dstate as a user does. */
async function dstate(...argv: string[]): Promise<Ran> {
  const start = performance.now();
  return await new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, ...argv, "--json"],
      { cwd: dir, env: { ...process.env, DSTATE_LOGS: join(dir, "logs") }, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        const seconds = (performance.now() - start) / 1000;
        if (stdout === "") return reject(new Error(stderr));
        const code = typeof error?.code === "number" ? error.code : 0;
        resolve({ code, document: JSON.parse(stdout), bytes: stdout.length, seconds });
      },
    );
  });
}

describe("a machine that is wedged on purpose", () => {
  test.each([
    [
      "two tasks that hold what the other wants",
      "deadlock",
      "cycle",
      /^Deadlock of 2: (left|right)-first:\d+ waits for the mutex (right|left) of struct pair, held by (left|right)-first:\d+ waits for the mutex (left|right) of struct pair, held by \1-first:\d+\.$/,
    ],
    [
      "an owner that exited with a mutex",
      "exited-mutex",
      "owner-exited",
      /^The owner of the mutex orphaned_mutex, for which heir:\d+ waits, has exited with it: owner:\d+\.$/,
    ],
    [
      "an owner that exited with a rw-semaphore",
      "exited-rwsem",
      "owner-exited",
      /^The owner of the rwsem orphaned_rwsem, for which heir:\d+ waits, has exited with it: owner:\d+\.$/,
    ],
    [
      "an owner that exited, and whose memory is another task's by now",
      "exited-unpinned",
      "owner-exited",
      // It was seen that this is not its name: a bash, or a sleep, that had its memory later.
      /^The owner of the mutex orphaned_mutex, for which heir:\d+ waits, has exited with it\.$/,
    ],
    [
      "an unlock that woke nobody",
      "lost-mutex",
      "nobody",
      /^Nobody owns the mutex nobodys_mutex, for which forgotten:\d+ waits: a wake-up was lost, or the lock is corrupt\.$/,
    ],
    [
      "a completion that woke nobody",
      "lost-completion",
      "lost-wake-up",
      /^What forgotten:\d+ waits for \(the completion forgotten_completion\) has happened already: a wake-up was lost\.$/,
    ],
  ])("by %s is kept, and asked without lockdep's help", async (_what, name, verdict, sentence) => {
    const ran = await dstate("run", here, "--kernel", selector, "--axis", `case=${name}`, "--keep");
    expect(ran.document).toMatchObject({ outcome: "reproduced", exitCode: 1 });
    const [run = ""] = (await readdir(join(dir, "logs")))
      .filter((each) => each.includes("provoke"))
      .slice(-1);
    const why = await dstate("why", join(dir, "logs", run));
    const [trial] = ran.document.trials as { kept?: { bytes: number } }[];
    console.log(
      `${name}: run and kept in ${ran.seconds.toFixed(1)} s, ${trial?.kept?.bytes} bytes, asked in ${why.seconds.toFixed(1)} s, ${why.bytes} bytes: ${String(why.document.sentence)}`,
    );
    expect(why.document).toMatchObject({ verdict });
    expect(why.document.sentence).toMatch(sentence);
    // Lockdep was told to stop before: it has written down nothing of this.
    const { tasks, lockdep } = why.document.facts as WaitFacts;
    expect(lockdep).toBe("off");
    expect(tasks.flatMap((task) => task.held ?? [])).toEqual([]);
    expect(tasks.flatMap((task) => task.wait?.lockdep ?? [])).toEqual([]);
    await rm(join(dir, "logs", run), { recursive: true });
  });
});

describe("a machine that runs with every kind of wait in it", () => {
  const cases = [
    "deadlock",
    "exited-mutex",
    "exited-rwsem",
    "exited-rt-mutex",
    "lost-mutex",
    "lost-completion",
    "lost-semaphore",
    "lost-bit",
    "sleeper",
    "readers",
  ];
  let facts: WaitFacts;
  let ends: Record<string, string>;

  beforeAll(async () => {
    const cell = chooseCell(repro.axes, { kernel: selector }, context.settings);
    const parts = await provideParts({ id: "provoked" }, cell, context);
    await using vm = await openVm({ parts, memory: "1GiB", evidenceDir: join(dir, "live") });
    for (const name of cases) await vm.guest.exec(`echo ${name} > /proc/provoke`, { within: "1m" });
    using foreign = await connectToRunning(vm.machine.command, {
      signal: context.signal,
      layersDir: context.settings.layersDir,
    });
    const kernel = await debugImageFor(parts.kernel, {}, context);
    facts = await askMachine(foreign, { kernel, dir }, context);
    expect((await vm.guest.exec("echo still here")).stdout).toBe("still here\n");
    ends = Object.fromEntries(
      chainsOf(facts).map((chain) => {
        const { place } = chain.links.at(-1)?.wait ?? {};
        return [place && "name" in place ? place.name : "?", chain.end.type];
      }),
    );
    for (const chain of chainsOf(facts)) console.log(sentenceOf(chain, facts));
  });

  test("is told where each chain ends", () => {
    expect(ends).toEqual({
      left: "cycle",
      orphaned_mutex: "owner-exited",
      orphaned_rwsem: "owner-exited",
      orphaned_rt_mutex: "owner-exited",
      nobodys_mutex: "nobody",
      forgotten_completion: "lost-wake-up",
      forgotten_semaphore: "lost-wake-up",
      forgotten_bits: "lost-wake-up",
      dreamers_mutex: "owner-sleeps",
      readers_rwsem: "readers",
    });
    expect(facts.unread).toEqual([]);
  });

  test("names the same owners as lockdep where that still looks, as it does until its first report", () => {
    const owner = (task: TaskFacts): unknown =>
      task.wait && "task" in task.wait.owner ? task.wait.owner.task : undefined;
    const deadlocked = facts.tasks.filter(({ comm }) => comm.endsWith("-first"));
    expect(deadlocked.map((task) => task.wait?.lockdep)).toEqual(deadlocked.map((task) => [owner(task)]));
  });
});
