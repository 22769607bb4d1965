import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasOnStack, verdictOf } from "../../src/guest/kill-verdict.ts";
import { BoundedOutput } from "../../src/guest/output.ts";
import { isPlainLine, shellText } from "../../src/guest/shell.ts";
import { type Sample, StallDetector } from "../../src/process/stall.ts";
import {
  type ProcessSnapshot,
  parseSample,
  parseStack,
  samplerScript,
  type Thread,
} from "../../src/process/threads.ts";

function thread(change: Partial<Thread> = {}): Thread {
  return {
    tid: 7,
    comm: "node",
    state: "S",
    wchan: "ep_poll",
    syscall: "281",
    stack: [],
    cpuTime: 0,
    switches: 0,
    ...change,
  };
}

function processOf(threads: readonly Thread[], io = { calls: 0, bytes: 0 }): ProcessSnapshot {
  return { pid: 7, parent: 1, comm: "node", state: threads[0]?.state ?? "Z", io, threads };
}

describe("the sampler", () => {
  test("reads this very machine's processes: the shell that runs it, with its threads", () => {
    const text = execFileSync("setsid", ["--wait", "sh", "-c", 'sid=$$; sh -c "$0" sh $sid', samplerScript], {
      encoding: "utf8",
    });
    const processes = parseSample(text);
    expect(processes?.length).toBeGreaterThanOrEqual(1);
    expect(processes?.[0]?.threads[0]?.comm).toBe("sh");
  });

  test("an answer that was cut short is no answer", () => {
    expect(parseSample("/proc/7/stat:7 (node) S 1 7 7 0")).toBeUndefined();
  });

  test("names with brackets, blanks and newlines-like text do not confuse it", () => {
    const text = [
      "/proc/9/stat:9 (a) b (c)) D 1 9 9 0",
      "/proc/9/io:rchar: 5",
      "/proc/9/io:syscr: 2",
      "/proc/9/task/9/stat:9 (a) b (c)) D 1 9 9 0",
      "/proc/9/task/9/wchan:io_sq_thread",
      "/proc/9/task/9/schedstat:1500 20 3",
      "/proc/9/task/9/stack:[<0>] io_sq_thread+0x2a/0x500",
      "/proc/9/task/9/stack:[<0>] ret_from_fork+0x22/0x30",
      "/proc/9/task/9/status:voluntary_ctxt_switches:\t4",
      "/proc/9/task/9/status:nonvoluntary_ctxt_switches:\t5",
      "sampled",
    ].join("\n");
    const [found] = parseSample(text) ?? [];
    expect(found).toMatchObject({ pid: 9, comm: "a) b (c)", state: "D", io: { calls: 2, bytes: 5 } });
    expect(found?.threads[0]).toMatchObject({ wchan: "io_sq_thread", cpuTime: 1500, switches: 9 });
    expect(found?.threads[0]?.stack.map((frame) => frame.function)).toEqual([
      "io_sq_thread",
      "ret_from_fork",
    ]);
  });

  test("any text is taken without an exception", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseSample(`${text}\nsampled\n`)));
    fc.assert(fc.property(fc.string(), (text) => void parseStack(text)));
  });
});

describe("stall detection", () => {
  const sample = (at: number, change: Partial<Sample> = {}): Sample => ({
    at,
    output: 0,
    processes: [processOf([thread()])],
    ...change,
  });
  const feed = (samples: readonly Sample[]): string => {
    const detector = new StallDetector();
    let last = "";
    for (const item of samples) last = detector.observe(item).type;
    return last;
  };
  const seconds = [0, 2000, 4000, 6000, 8000, 10_000];

  test("a job that shows nothing for eight seconds is stalled", () => {
    expect(feed(seconds.map((at) => sample(at)))).toBe("stalled");
  });

  test("one look long after the last is not enough: several must agree", () => {
    expect(feed([sample(0), sample(60_000)])).toBe("quiet");
  });

  test.each<[string, (at: number) => Partial<Sample>]>([
    ["prints", (at) => ({ output: at })],
    ["uses a hundredth of a CPU", (at) => ({ processes: [processOf([thread({ cpuTime: at * 10_000 })])] })],
    ["reads a file", (at) => ({ processes: [processOf([thread()], { calls: 0, bytes: at * 4 })] })],
    ["makes many small reads", (at) => ({ processes: [processOf([thread()], { calls: at, bytes: 0 })] })],
    ["starts threads", (at) => ({ processes: [processOf([thread({ tid: at + 1 })])] })],
    ["sleeps on purpose", () => ({ processes: [processOf([thread({ wchan: "hrtimer_nanosleep" })])] })],
  ])("a slow job that %s is not stalled", (_what, change) => {
    expect(feed(seconds.map((at) => sample(at, change(at))))).toBe("progress");
  });

  test("the wake-up of an idle Node's garbage collector every eight seconds is no progress", () => {
    const woken = (at: number): Partial<Sample> => ({
      processes: [
        processOf([thread({ cpuTime: Math.floor(at / 8000) * 1_000_000 })], {
          calls: Math.floor(at / 8000) * 2,
          bytes: Math.floor(at / 8000) * 16,
        }),
      ],
    });
    expect(feed(seconds.map((at) => sample(at, woken(at))))).toBe("stalled");
  });

  test("progress starts the quiet time anew", () => {
    const detector = new StallDetector();
    for (const at of [0, 3000, 6000]) detector.observe(sample(at));
    expect(detector.observe(sample(7000, { output: 5 })).type).toBe("progress");
    expect(detector.observe(sample(9000, { output: 5 }))).toMatchObject({ type: "quiet", for: 2000 });
  });
});

describe("the verdict on a killed job", () => {
  const facts = { signal: "SIGKILL", after: 5000 } as const;
  const stuck = processOf([thread({ state: "D", stack: [{ function: "io_uring_del_tctx_node" }] })]);

  test.each([
    ["nothing is left", [[stuck], []], "reaped"],
    [
      "only zombies are left",
      [[processOf([thread({ state: "Z" })])], [processOf([thread({ state: "Z" })])]],
      "zombie",
    ],
    ["a thread is in D at every look", [[stuck], [stuck], [stuck]], "D"],
    ["D was seen once and passed", [[stuck], [processOf([thread({ state: "S" })])]], "running"],
    [
      "D was seen only at the last look",
      [[processOf([thread()])], [processOf([thread()])], [stuck]],
      "running",
    ],
    ["one look is all there is", [[stuck]], "running"],
    [
      "it was in D at every look, and ran in between: much I/O",
      [1, 2, 3].map((switches) => [processOf([thread({ state: "D", switches })])]),
      "running",
    ],
  ] as const)("when %s it is %s", (_what, looks, state) => {
    expect(verdictOf(looks, facts).state).toBe(state);
  });

  test("it says of each thread whether it slept one sleep", () => {
    const look = (switches: number): ProcessSnapshot[] => [
      processOf([thread({ state: "D", switches: 4 }), thread({ tid: 8, state: "D", switches })]),
    ];
    expect(verdictOf([look(1), look(2)], facts).threads).toMatchObject([
      { tid: 7, lasting: true },
      { tid: 8, lasting: false },
    ]);
  });

  test("it can be asked for a function on any stack", () => {
    const verdict = verdictOf([[stuck], [stuck]], facts);
    expect(hasOnStack(verdict.threads, "io_uring_del_tctx_node")).toBe(true);
    expect(hasOnStack(verdict.threads, /^io_sq/)).toBe(false);
  });
});

describe("commands for the guest", () => {
  test("every word survives the guest's shell, whatever is in it", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: "binary" }).filter((word) => !/[\0\r]/.test(word)),
          { minLength: 1, maxLength: 4 },
        ),
        (words) => {
          const text = shellText(["printf", "%s\\0", ...words], { cwd: "/", env: { NAME: words[0] ?? "" } });
          const out = execFileSync("sh", ["-c", text], { encoding: "utf8" });
          expect(out.split("\0").slice(0, -1)).toEqual(words.map((word) => Buffer.from(word).toString()));
        },
      ),
      { numRuns: 30 },
    );
  });

  test("a command that needs no scene set gets no program to set it", () => {
    expect(shellText(["npm", "ci"])).toBe("'exec' 'npm' 'ci'");
    expect(shellText("npm ci", { env: {} })).toBe("'exec' 'sh' '-c' 'npm ci'");
    expect(shellText(["npm"], { cwd: "/srv" })).toBe("'exec' 'env' '-C' '/srv' 'npm'");
  });

  test.each([
    ["uname -r", true],
    ["systemctl is-active a.service b=c", true],
    ["echo a; echo b", false],
    ["echo $HOME", false],
    ["echo *", false],
    ["A=1 env", false],
    ["if true", false],
    ["done", false],
    ["echo  two blanks", false],
    ["echo #", false],
    ["", false],
  ])("%j is a plain line: %s", (line, plain) => {
    expect(isPlainLine(line)).toBe(plain);
  });

  test("a plain line is the same inside a shell's brackets as in an argument vector", () => {
    const word = fc.stringMatching(/^[\w./:@%+,-]+$/);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), (words) => {
        const line = ["echo", ".", ...words].join(" ");
        expect(isPlainLine(line)).toBe(true);
        const out = execFileSync("sh", ["-c", `( ${line} ) < /dev/null`], { encoding: "utf8" });
        expect(out).toBe(`${[".", ...words].join(" ")}\n`);
      }),
      { numRuns: 30 },
    );
  });

  test("output beyond the limit is counted and not kept", () => {
    const output = new BoundedOutput(10);
    for (let count = 0; count < 5; count += 1) output.add(Buffer.from("12345678"));
    expect(output).toMatchObject({ text: "1234567812", bytes: 40, truncated: true });
  });
});
