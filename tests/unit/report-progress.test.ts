import { PassThrough } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { type Progress, type Step, step } from "../../src/base/progress.ts";
import { slowProgress } from "../../src/base/slow-progress.ts";
import { viewProgress } from "../../src/report/progress.ts";

/** What is written about some steps where there is no terminal. */
async function plainLines(
  work: (progress: Progress) => Promise<unknown>,
  options: Parameters<typeof viewProgress>[1] = {},
): Promise<string[]> {
  const stream = new PassThrough();
  // A stream of text that is no terminal, as a pipe is.
  using view = viewProgress(stream as unknown as NodeJS.WriteStream, options);
  await work(view.progress).catch(() => {});
  return `${stream.read() ?? ""}`.trimEnd().split("\n");
}

describe("progress without a terminal", () => {
  test("says of a step what it will take, and what came of it", async () => {
    const lines = await plainLines(
      async (progress) =>
        await step(
          progress,
          "build Linux git:T@v5.10.170",
          async (build: Step) => build.conclude("4.3 MiB"),
          {
            expected: { milliseconds: 300_000, measured: 0 },
          },
        ),
    );
    expect(lines).toEqual([
      "build Linux git:T@v5.10.170: about 5m, at a guess",
      expect.stringMatching(/^done: build Linux git:T@v5\.10\.170: 4\.3 MiB \(\d+m?s\)$/),
    ]);
  });

  test.each([
    ["keeps to a guess while nothing is known", 30, undefined, "build, 30s of about 5m, at a guess"],
    ["goes by how far it came rather than by a guess", 105, 0.25, "build 25 %, 1m 45s, about 5m 15s left"],
    [
      "says of a guess that was passed only that it was",
      405,
      undefined,
      "build, 6m 45s, longer than expected",
    ],
    ["goes by how far it came when a guess was passed", 405, 0.8, "build 80 %, 6m 45s, about 1m 41s left"],
  ])("%s", async (_, seconds, share, line) => {
    vi.useFakeTimers();
    try {
      const lines = await plainLines(
        async (progress) =>
          await step(
            progress,
            "build",
            async (build: Step) => {
              if (share !== undefined) build.update({ share });
              vi.advanceTimersByTime(seconds * 1000);
            },
            { expected: { milliseconds: 300_000, measured: 0 } },
          ),
      );
      expect(lines.at(-2)).toBe(`  ... ${line}`);
    } finally {
      vi.useRealTimers();
    }
  });

  test("keeps what is printed elsewhere a line of its own, also where nothing else is wanted", async () => {
    const work = async (progress: Progress): Promise<void> =>
      await step(progress, "trial", async () => progress({ type: "output", text: "from the guest" }));
    expect(await plainLines(work)).toEqual(["trial ...", "from the guest", expect.stringMatching(/^done/)]);
    expect(await plainLines(work, { quiet: true })).toEqual(["from the guest"]);
  });

  test("lets nothing of a guest's through that would write more than its line", async () => {
    const lines = await plainLines(
      async (progress) =>
        await step(progress, "trial", async (trial: Step) =>
          trial.conclude("clean\r\nfailed: \x1b[2Jforged"),
        ),
    );
    expect(lines).toEqual(["trial ...", expect.stringMatching(/^done: trial: clean failed: forged \(/)]);
  });
});

describe("progress for tests", () => {
  test("is silent about what is quick, and says of what is slow how long it will take and what came of it", async () => {
    const lines: string[] = [];
    const told = Promise.withResolvers<void>();
    const progress = slowProgress(
      (line) => {
        lines.push(line);
        told.resolve();
      },
      { after: "1ms" },
    );
    const never = slowProgress((line) => lines.push(line), { after: "1h" });
    await step(never, "quick", async () => {});
    await step(
      progress,
      "make the Debian image",
      async (slow: Step) => {
        await told.promise;
        slow.conclude("154 packages");
      },
      { expected: { milliseconds: 60_000, measured: 2 } },
    );
    expect(lines).toEqual([
      "dstate: make the Debian image: about 1m, as measured here",
      "dstate: done: make the Debian image: 154 packages",
    ]);
  });
});
