import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { expectationFrom, longStep } from "../../src/base/past-durations.ts";
import { expectationText, type ProgressEvent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-durations-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

let events: ProgressEvent[] = [];
const context = {
  settings: { ...readSettings(), cacheDir: dir },
  progress: (event: ProgressEvent) => void events.push(event),
};
beforeEach(() => (events = []));

const image = { title: "make the image", kind: "image", guess: "2m" } as const;
const started = (): unknown => events.find(({ type }) => type === "start");

describe("a step that takes long", () => {
  test("is guessed at the first time, and told as it was measured from then on", async () => {
    expect(await longStep(context, image, async () => "made")).toBe("made");
    expect(started()).toMatchObject({
      title: "make the image",
      expected: { milliseconds: 120_000, measured: 0 },
    });
    const kept = JSON.parse(await readFile(join(dir, "durations/image.json"), "utf8"));
    expect(kept).toHaveLength(1);
    events = [];
    await longStep(context, image, async () => {});
    expect(started()).toMatchObject({ expected: { milliseconds: kept[0], measured: 1 } });
  });

  test("that fails leaves no time behind", async () => {
    const failing = { ...image, kind: "failing" };
    await expect(longStep(context, failing, async () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    expect(events.at(-1)).toMatchObject({ type: "end", failed: true });
    await expect(readFile(join(dir, "durations/failing.json"))).rejects.toThrow("ENOENT");
  });

  test("keeps the last five times, and starts anew where a file is damaged", async () => {
    for (let run = 0; run < 7; run += 1) await longStep(context, { ...image, kind: "often" }, async () => {});
    expect(JSON.parse(await readFile(join(dir, "durations/often.json"), "utf8"))).toHaveLength(5);
    await writeFile(join(dir, "durations/often.json"), "[1, 2");
    await longStep(context, { ...image, kind: "often" }, async () => {});
    expect(JSON.parse(await readFile(join(dir, "durations/often.json"), "utf8"))).toHaveLength(1);
  });

  test("is done also where its time cannot be kept", async () => {
    await writeFile(join(dir, "file"), "");
    const settings = { ...context.settings, cacheDir: join(dir, "file") };
    expect(await longStep({ ...context, settings }, image, async () => 1)).toBe(1);
  });
});

test.each([
  [[], "2m", { milliseconds: 120_000, measured: 0 }],
  [[], undefined, undefined],
  [[5000], "2m", { milliseconds: 5000, measured: 1 }],
  // One time on a busy host says little.
  [[4000, 60_000, 5000], "2m", { milliseconds: 5000, measured: 3 }],
  [[1, 1, 1, 9, 9, 9, 9, 9], "2m", { milliseconds: 9, measured: 5 }],
] as const)("what took %j ms, or %s at a guess, will take %j", (times, guess, expected) => {
  expect(expectationFrom(times, guess)).toEqual(expected);
});

test.each([
  [{ milliseconds: 290_400, measured: 3 }, "about 4m 50s, as measured here"],
  [{ milliseconds: 14_600, measured: 1 }, "about 15s, as measured here"],
  [{ milliseconds: 120_000, measured: 0 }, "about 2m, at a guess"],
  [{ milliseconds: 3, measured: 1 }, "about 1s, as measured here"],
])("%j reads as %s", (expected, text) => {
  expect(expectationText(expected)).toBe(text);
});
