import { describe, expect, test } from "vitest";
import { sideBySide } from "../../src/base/side-by-side.ts";

const { signal: never } = new AbortController();

/** Work that goes on until it is told to stop, and needs a moment to clean up. */
async function endless(signal: AbortSignal, cleaned: () => void): Promise<never> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  await new Promise((resolve) => setImmediate(resolve));
  cleaned();
  throw signal.reason;
}

describe("works side by side", () => {
  test("give what each gives, in their order", async () => {
    const second = Promise.withResolvers<string>();
    const works = [
      async () => `after ${await second.promise}`,
      async () => {
        second.resolve("the second");
        return 2;
      },
    ] as const;
    expect(await sideBySide(never, works)).toEqual(["after the second", 2]);
  });

  test("end with the first failure, when the others have cleaned up", async () => {
    let cleaned = false;
    const works = [
      async (signal: AbortSignal) => await endless(signal, () => (cleaned = true)),
      async () => {
        throw new Error("no such kernel");
      },
    ] as const;
    await expect(sideBySide(never, works)).rejects.toThrow("no such kernel");
    expect(cleaned).toBe(true);
  });

  test("end when the caller wants it", async () => {
    const stop = new AbortController();
    let cleaned = 0;
    const work = async (signal: AbortSignal) => await endless(signal, () => (cleaned += 1));
    const ended = sideBySide(stop.signal, [work, work]);
    stop.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    expect(cleaned).toBe(2);
  });
});
