import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { lockFile } from "../../src/base/lock.ts";
import { isAlive, ownerOf, ownIdentity } from "../../src/base/owner.ts";
import { Store } from "../../src/base/store.ts";
import { pause } from "../../src/base/wait.ts";

const { signal } = new AbortController();
const within = "50s";
let dir = "";
let path = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-lock-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  path = join(dir, "lock");
});

const module = (name: string): string =>
  JSON.stringify(new URL(`../../src/base/${name}`, import.meta.url).href);

/**
 * Takes the lock, says so, and gives it back when told to go. Each call of it that reaches the system has a step
 * before and a step after it; at the one it is told, it sends itself a signal.
 */
const worker = `
  import { appendFileSync, writeSync } from "node:fs";
  import promises from "node:fs/promises";
  import processes from "node:child_process";
  import { syncBuiltinESMExports } from "node:module";
  const [path, log, name, at, signal] = process.argv.slice(1);
  let steps = 0;
  const step = () => {
    steps += 1;
    if (String(steps) !== at) return;
    writeSync(1, "step\\n");
    process.kill(process.pid, signal);
  };
  const watched = (object, name) => {
    const real = object[name];
    object[name] = (...rest) => {
      step();
      const result = real.apply(object, rest);
      if (result instanceof Promise) return result.finally(step);
      step();
      return result;
    };
  };
  for (const name of ["open", "readFile", "writeFile", "link", "unlink", "rm", "stat"]) watched(promises, name);
  watched(processes, "spawn");
  const { open } = promises;
  promises.open = async (...rest) => {
    const file = await open(...rest);
    watched(file, "close");
    return file;
  };
  syncBuiltinESMExports();
  const say = (word) => writeSync(1, word + "\\n");
  const { lockFile } = await import(${module("lock.ts")});
  const lock = await lockFile(path, {
    within: "50s", signal: new AbortController().signal, onWait: () => say("waits"),
  });
  step();
  appendFileSync(log, name + " in\\n");
  say("held");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  appendFileSync(log, name + " out\\n");
  step();
  await lock[Symbol.asyncDispose]();
  say("released");
  process.exit();
`;

class Worker {
  readonly child: ChildProcess;
  readonly said: string[] = [];
  readonly ended: Promise<unknown>;
  #read = 0;
  #more = Promise.withResolvers<void>();

  constructor(name: string, stop: { at: number; signal: "SIGKILL" | "SIGSTOP" } | undefined) {
    const rest = [path, join(dir, "log"), name, `${stop?.at ?? ""}`, stop?.signal ?? ""];
    this.child = spawn(process.execPath, ["--input-type=module", "-e", worker, ...rest], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.ended = once(this.child, "exit");
    const tell = (word: string): void => {
      this.said.push(word);
      this.#more.resolve();
      this.#more = Promise.withResolvers();
    };
    createInterface({ input: this.child.stdout ?? process.stdin }).on("line", tell);
    this.child.once("exit", () => tell("ended"));
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  /** What it says next. */
  async word(): Promise<string> {
    while (this.#read >= this.said.length) await this.#more.promise;
    this.#read += 1;
    return this.said[this.#read - 1] ?? "";
  }

  async until(wanted: string): Promise<void> {
    for (let word = ""; word !== wanted; ) {
      word = await this.word();
      if (word === "ended" && wanted !== "ended") throw new Error(`ended, and said ${this.said.join(", ")}`);
    }
  }

  go(): void {
    this.child.stdin?.write("go\n");
  }
}

/** What was in the lock, in order: nobody comes in before the other is out. */
async function expectOneAtATime(): Promise<void> {
  let inside: string | undefined;
  for (const line of (await readFile(join(dir, "log"), "utf8")).trim().split("\n")) {
    const [name, way] = line.split(" ");
    if (way === "in") expect(inside, `${name} came in`).toBeUndefined();
    inside = way === "in" ? name : undefined;
  }
}

/** Lock files as they can be found; the dead owner's is what an earlier dstate left that was killed. */
const files = [
  ["no file", undefined],
  ["an empty file", ""],
  ["a dead owner's file", JSON.stringify({ pid: 4_194_304, startTime: "1", boot: "x" })],
] as const;

describe("a lock", () => {
  test("is had by one at a time, within a process too", async () => {
    const order: string[] = [];
    const first = await lockFile(path, { within, signal });
    const second = lockFile(path, { within, signal, onWait: () => order.push("waits") }).then(
      async (lock) => {
        order.push("second");
        await lock[Symbol.asyncDispose]();
      },
    );
    await expect.poll(() => order, { timeout: 50_000 }).toEqual(["waits"]);
    order.push("first ends");
    await first[Symbol.asyncDispose]();
    await second;
    expect(order).toEqual(["waits", "first ends", "second"]);
  });

  test("is waited for no longer than its deadline and its caller allow", async () => {
    await using _held = await lockFile(path, { within, signal });
    await expect(lockFile(path, { within: "300ms", signal })).rejects.toThrow(/waited 0\.3 s for the lock/);
    const stop = new AbortController();
    const waiting = lockFile(path, {
      within,
      signal: stop.signal,
      onWait: () => stop.abort(new Error("enough")),
    });
    await expect(waiting).rejects.toThrow("enough");
  });

  test("of a process that was killed at any of its steps is free for the next one", async () => {
    let at = 0;
    for (let wasKilled = true; wasKilled; ) {
      at += 1;
      const killed = new Worker("killed", { at, signal: "SIGKILL" });
      for (let word = ""; word !== "ended"; word = await killed.word()) if (word === "held") killed.go();
      await killed.ended;
      wasKilled = killed.child.signalCode === "SIGKILL";
      const next = new Worker("next", undefined);
      await next.until("held");
      next.go();
      await next.until("ended");
      expect(next.said).toContain("released");
    }
    // open, spawn, held, close: with a step before and after, but for the last one.
    expect(at).toBeGreaterThanOrEqual(8);
  }, 120_000);

  test("of a killed process goes to one of those that wait, and then to the other", async () => {
    const holder = new Worker("holder", undefined);
    await holder.until("held");
    const waiting = [new Worker("a", undefined), new Worker("b", undefined)];
    for (const each of waiting) await each.until("waits");
    holder.child.kill("SIGKILL");
    const held = waiting.map(async (each) => {
      await each.until("held");
      return each;
    });
    const first = await Promise.race(held);
    first.go();
    await first.until("released");
    await Promise.all(held);
    const second = waiting.find((each) => each !== first);
    second?.go();
    await second?.until("released");
    await writeFile(join(dir, "log"), (await readFile(join(dir, "log"), "utf8")).replace("holder in\n", ""));
    await expectOneAtATime();
  });

  test.each(files)(
    "has one holder wherever one of two that want it is held up (%s to begin with)",
    async (_name, text) => {
      let at = 0;
      for (let wasHeldUp = true; wasHeldUp; ) {
        at += 1;
        await rm(path, { force: true });
        await writeFile(join(dir, "log"), "");
        if (text !== undefined) await writeFile(path, text);
        const slow = new Worker("slow", { at, signal: "SIGSTOP" });
        let word = await slow.word();
        if (word === "held") {
          slow.go();
          word = await slow.word();
        }
        wasHeldUp = word === "step";
        const fast = new Worker("fast", undefined);
        const first = await fast.word();
        slow.child.kill("SIGCONT");
        const meanwhile = wasHeldUp ? await slow.word() : word;
        for (const each of first === "held" ? [fast, slow] : [slow, fast]) {
          // One that released it may have ended already, and reads nothing any more.
          if (each.said.includes("released")) continue;
          each.go();
          await each.until("released");
        }
        expect(["waits", "held", "released"]).toContain(meanwhile);
        await expectOneAtATime();
      }
      expect(at).toBeGreaterThanOrEqual(8);
    },
    120_000,
  );

  test("is not free while a program that a killed holder started still works", async () => {
    const text = `
      import { writeSync } from "node:fs";
      const { lockFile } = await import(${module("lock.ts")});
      const { command } = await import(${module("command.ts")});
      const { signal } = new AbortController();
      const lock = await lockFile(process.argv[1], { within: "50s", signal });
      const onOutput = (text) => writeSync(1, text);
      // Its child ends when somebody reads what is written into the pipe.
      const argv = ["sh", "-c", 'echo works; cat "$1"; :', "sh", process.argv[2]];
      await command(argv, { within: "50s", signal, inherit: [lock.descriptor], onOutput });
    `;
    const pipe = join(dir, "pipe");
    await once(spawn("mkfifo", [pipe]), "exit");
    const argv = ["--input-type=module", "-e", text, path, pipe];
    const holder = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    const ended = once(holder, "exit");
    holder.kill("SIGKILL");
    await ended;
    const order: string[] = [];
    const next = lockFile(path, { within, signal, onWait: () => order.push("waits") });
    await expect.poll(() => order, { timeout: 50_000 }).toEqual(["waits"]);
    await writeFile(pipe, "enough");
    await using _held = await next;
  });
});

/** The lock of dstate until November 2026, as it was, less its hook for an exit. */
async function lockOfBefore(file: string, onWait: () => void): Promise<AsyncDisposable> {
  for (let waited = false; ; ) {
    try {
      await writeFile(file, JSON.stringify(ownIdentity()), { flag: "wx" });
      return { [Symbol.asyncDispose]: async () => await rm(file, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const owner = ownerOf(await readFile(file, "utf8").catch(() => ""));
    if (owner && !isAlive(owner)) {
      await rm(file, { force: true });
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await pause("10ms", signal);
  }
}

describe("beside an earlier dstate on the same cache", () => {
  const store = (): Store => new Store(dir);
  const lock = (): string => join(dir, ".lock-entry");
  const make = async (folder: string): Promise<object> => {
    await writeFile(join(folder, "file"), "content");
    return {};
  };

  test("an entry that it makes is waited for", async () => {
    const theirs = await lockOfBefore(lock(), () => {});
    const waits = Promise.withResolvers<void>();
    let made = 0;
    const ours = store().findOrMake("entry", { within, signal, onWait: waits.resolve }, async (folder) => {
      made += 1;
      return await make(folder);
    });
    await waits.promise;
    expect(made).toBe(0);
    // Its own store has the same form; only its lock differs.
    await new Store(join(dir, "elsewhere")).findOrMake("entry", { within, signal }, make);
    await rename(join(dir, "elsewhere", "entry"), join(dir, "entry"));
    await theirs[Symbol.asyncDispose]();
    expect((await ours).key).toBe("entry");
    expect(made).toBe(0);
  });

  test("it waits for an entry that we make", async () => {
    const order: string[] = [];
    let theirs: Promise<AsyncDisposable> | undefined;
    await store().findOrMake("entry", { within, signal }, async (folder) => {
      theirs = lockOfBefore(lock(), () => order.push("waits"));
      await expect.poll(() => order, { timeout: 50_000 }).toEqual(["waits"]);
      order.push("made");
      return await make(folder);
    });
    await (await theirs)?.[Symbol.asyncDispose]();
    expect(order).toEqual(["waits", "made"]);
  });

  test.each(files.slice(1))(
    "what it left when it was killed is in nobody's way (%s)",
    async (_name, text) => {
      await writeFile(lock(), text ?? "");
      expect((await store().findOrMake("entry", { within, signal }, make)).key).toBe("entry");
      expect(await readFile(lock(), "utf8")).toBe(text);
    },
  );

  test("where both made the same entry, the one that was there first is used", async () => {
    await writeFile(lock(), "");
    const entry = await store().findOrMake("entry", { within, signal }, async (folder) => {
      await new Store(join(dir, "elsewhere")).findOrMake("entry", { within, signal }, async (other) => {
        await make(other);
        return { by: "an earlier one" };
      });
      await rename(join(dir, "elsewhere", "entry"), join(dir, "entry"));
      await make(folder);
      return { by: "us" };
    });
    expect(entry.about).toEqual({ by: "an earlier one" });
  });

  test("an entry of which only the folder is there is made anew, and told", async () => {
    await mkdir(join(dir, "entry"));
    const told: string[] = [];
    const onCorrupt = (why: string): void => void told.push(why);
    const made = await store().findOrMake("entry", { within, signal, onCorrupt }, make);
    expect(made.key).toBe("entry");
    expect(told).toEqual([expect.stringContaining("manifest.json is missing")]);
  });
});
