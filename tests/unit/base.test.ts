import { mkdir, mkdtemp, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { command, ForeignProgramError, MissingProgramError } from "../../src/base/command.ts";
import { isDuration, toMilliseconds } from "../../src/base/duration.ts";
import { DeadlineError, UsageError } from "../../src/base/errors.ts";
import { identify, isAlive, ownIdentity } from "../../src/base/owner.ts";
import { readSettings } from "../../src/base/settings.ts";
import { formatBytes, type Size, toBytes } from "../../src/base/size.ts";
import { keyOf, Store } from "../../src/base/store.ts";
import { pause, wait, withDeadline } from "../../src/base/wait.ts";

describe("durations and sizes", () => {
  test.each([
    ["5s", 5000],
    ["250ms", 250],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    [17, 17],
  ] as const)("%s is %d milliseconds", (text, milliseconds) => {
    expect(toMilliseconds(text)).toBe(milliseconds);
  });

  test.each(["", "5", "s", "-1s", "1 s", "1e3s", "5sec"])("%j is no duration", (text) => {
    expect(isDuration(text)).toBe(false);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("%d milliseconds are refused", (value) => {
    expect(() => toMilliseconds(value)).toThrow(UsageError);
  });

  test("sizes are whole bytes in binary units", () => {
    expect(toBytes("1GiB")).toBe(2 ** 30);
    expect(toBytes("1.5MiB")).toBe(1_572_864);
    for (const wrong of ["1GB", "0KiB", "0.3KiB"] as Size[]) expect(() => toBytes(wrong)).toThrow(UsageError);
    expect(formatBytes(5_242_880)).toBe("5.0 MiB");
  });
});

describe("waiting", () => {
  test("a promise that never settles ends at its deadline, and the error names what was waited for", async () => {
    await expect(wait("the moon", new Promise(() => {}), { within: "10ms" })).rejects.toThrow(
      /for the moon, in vain/,
    );
  });

  test("work that ignores its signal does not hold up the deadline", async () => {
    await expect(
      withDeadline("deaf work", { within: 10 }, () => new Promise(() => {})),
    ).rejects.toBeInstanceOf(DeadlineError);
  });

  test("the caller's signal ends a wait with its own reason", async () => {
    const controller = new AbortController();
    const waiting = wait("nothing", new Promise(() => {}), { within: "1h", signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test("a signal that was aborted before is seen at once", async () => {
    await expect(pause("1h", AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
  });

  test("work that loses the race and fails later is no unhandled rejection", async () => {
    const late = Promise.withResolvers<never>();
    await expect(wait("late", late.promise, { within: 5 })).rejects.toBeInstanceOf(DeadlineError);
    late.reject(new Error("too late"));
  });
});

describe("processes", () => {
  test("this process lives, and one with another start time does not", () => {
    const own = ownIdentity();
    expect(isAlive(own)).toBe(true);
    expect(isAlive({ ...own, startTime: "1" })).toBe(false);
    expect(identify(4_194_304 + 1)).toBeUndefined();
  });

  test("one of another container cannot be seen, and is taken for alive for a day, until the next boot", () => {
    const elsewhere = { ...ownIdentity(), pid: 4_194_304, pidNamespace: "pid:[1]" };
    expect(isAlive(elsewhere)).toBe(true);
    const dayAgo = Math.round((uptime() - 25 * 3600) * 100);
    expect(isAlive({ ...elsewhere, startTime: `${dayAgo}` })).toBe(false);
    expect(isAlive({ ...elsewhere, boot: "another" })).toBe(false);
  });

  test("arguments reach a program as they are", async () => {
    const odd = ["a b", "$HOME", "`id`", "it's", '"', "\\", "*", "-n", "ü\n2"];
    const { stdout } = await command(["printf", "%s\\0", ...odd], { within: "10s" });
    expect(stdout.split("\0").slice(0, -1)).toEqual(odd);
  });

  test("a program that fails is told with the end of what it said", async () => {
    await expect(command(["sh", "-c", "echo bad luck >&2; exit 3"], { within: "10s" })).rejects.toThrow(
      /exit code 3: bad luck/,
    );
  });

  test("a missing program is told with what to do", async () => {
    await expect(
      command(["no-such-program-here"], { within: "10s", install: "Install it." }),
    ).rejects.toMatchObject({
      message: expect.stringContaining("not installed"),
      next: "Install it.",
    });
  });

  test("a missing program is told as such with input that nobody reads, and in a folder", async () => {
    for (const options of [{ input: "x".repeat(400_000) }, { cwd: "/" }])
      await expect(command(["no-such-program-here"], { within: "10s", ...options })).rejects.toBeInstanceOf(
        MissingProgramError,
      );
    // A folder that is missing is not taken for a program that is.
    await expect(command(["true"], { within: "10s", cwd: "/no/such/folder" })).rejects.not.toBeInstanceOf(
      MissingProgramError,
    );
  });

  test("a program whose loader this system lacks is told from one that is not installed", async () => {
    const dir = await mkdtemp(join(tmpdir(), "dstate-foreign-"));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
    const program = join(dir, "node");
    await writeFile(program, "#!/lib99/ld-linux-of-nobody.so\n", { mode: 0o755 });
    await expect(command([program], { within: "10s" })).rejects.toThrow(ForeignProgramError);
    await expect(command([program], { within: "10s" })).rejects.toThrow("is there, but what it names");
  });

  test("a program in the background, and what it starts, lets everything else go first", async () => {
    // Both in one program: a kernel takes a group's nice value of an ordinary user ten times a second at the most.
    const waits = `
      const { existsSync, readFileSync } = require("node:fs");
      while (require("node:os").getPriority() !== 10);
      const grouped = "/proc/self/autogroup";
      while (existsSync(grouped) && !/nice 10$/m.test(readFileSync(grouped, "utf8")));`;
    await command([process.execPath, "-e", waits], { within: "30s", inBackground: true });
  });

  test("a program that ends before it has read its input tells why by its exit code", async () => {
    const input = "x".repeat(4_000_000);
    await expect(command(["sh", "-c", "exec <&-; exit 4"], { within: "10s", input })).rejects.toMatchObject({
      code: 4,
    });
  });

  test("at its deadline a program and the children it started are ended", async () => {
    const pids: number[] = [];
    const run = command(["sh", "-c", "sleep 100 & echo $!; echo $$; wait"], {
      within: "1s",
      onOutput: (text) => pids.push(...text.trim().split("\n").map(Number)),
    });
    await expect(run).rejects.toBeInstanceOf(DeadlineError);
    await expect.poll(() => pids.map((pid) => identify(pid))).toEqual([undefined, undefined]);
  });
});

describe("settings", () => {
  test("a variable that cannot be used is a usage error that names it", () => {
    expect(() => readSettings({ DSTATE_IMAGE: "windows" })).toThrow(UsageError);
    expect(() => readSettings({ DSTATE_IMAGE: "windows" })).toThrow(/DSTATE_IMAGE/);
  });

  test("the cache follows XDG, and DSTATE_CACHE wins", () => {
    expect(readSettings({ XDG_CACHE_HOME: "/x" }).cacheDir).toBe("/x/dstate");
    expect(readSettings({ XDG_CACHE_HOME: "/x", DSTATE_CACHE: "/y" }).cacheDir).toBe("/y");
  });
});

describe("the store", () => {
  let root: string;
  const options = { within: "10s", signal: new AbortController().signal } as const;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "dstate-store-"));
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });
  const put = async (store: Store): Promise<void> => {
    await store.findOrMake("entry", options, async (dir) => {
      await writeFile(join(dir, "file"), "content");
      return { about: 1 };
    });
  };

  test("an entry is made once and found again", async () => {
    const store = new Store(root);
    let made = 0;
    for (let round = 0; round < 2; round += 1) {
      const entry = await store.findOrMake("entry", options, async (dir) => {
        made += 1;
        await writeFile(join(dir, "file"), "content");
        return { about: 1 };
      });
      expect(entry).toMatchObject({ about: { about: 1 }, bytes: 7 });
    }
    expect(made).toBe(1);
  });

  test("of several that want the same entry at once one makes it", async () => {
    let made = 0;
    const want = async (): Promise<unknown> =>
      await new Store(root).findOrMake("entry", options, async (dir) => {
        made += 1;
        await writeFile(join(dir, "file"), "content");
        return {};
      });
    await Promise.all([want(), want(), want()]);
    expect(made).toBe(1);
  });

  test("work that fails leaves nothing behind", async () => {
    const store = new Store(root);
    const failing = store.findOrMake("entry", options, async (dir) => {
      await writeFile(join(dir, "half"), "half");
      throw new Error("cut short");
    });
    await expect(failing).rejects.toThrow("cut short");
    // The lock's file stays: what it holds is nothing but the lock.
    expect(await readdir(root)).toEqual([".locks", ".used"]);
  });

  test.each([
    [
      "a file cut short",
      async (dir: string) => await truncate(join(dir, "file"), 3),
      /should be 7 bytes and is 3/,
    ],
    [
      "a file with other content",
      async (dir: string) => {
        await writeFile(join(dir, "file"), "CONTENT");
        await utimes(join(dir, "file"), 1, 1);
      },
      /sha256/,
    ],
    ["a missing file", async (dir: string) => await rm(join(dir, "file")), /file is missing/],
    [
      "a missing manifest",
      async (dir: string) => await rm(join(dir, "manifest.json")),
      /manifest.json is missing/,
    ],
    [
      "a broken manifest",
      async (dir: string) => await writeFile(join(dir, "manifest.json"), "{"),
      /not readable/,
    ],
  ])("%s is told as a corrupt entry, with what to do", async (_what, damage, message) => {
    const store = new Store(root);
    await put(store);
    await damage(join(root, "entry"));
    await expect(store.find("entry")).rejects.toThrow(message);
    await expect(store.find("entry")).rejects.toMatchObject({ next: expect.stringContaining("rm -r") });
  });

  test("what a dead process left half made is swept away, what a living one makes is not", async () => {
    const own = ownIdentity();
    await writeFile(join(root, ".draft-1-1-dead"), "");
    await writeFile(join(root, `.draft-${own.pid}-${own.startTime}-alive`), "");
    await new Store(root).sweep();
    expect(await readdir(root)).toEqual([`.draft-${own.pid}-${own.startTime}-alive`]);
  });

  test("what a process of another container is making is left to it", async () => {
    const draft = join(root, ".draft-7-1-elsewhere");
    await mkdir(draft);
    const owner = { ...ownIdentity(), pid: 7, pidNamespace: "pid:[1]" };
    await writeFile(join(draft, ".owner.json"), JSON.stringify(owner));
    await new Store(root).sweep();
    expect(await readdir(root)).toEqual([".draft-7-1-elsewhere"]);
  });

  test("keys depend on every fact", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});
