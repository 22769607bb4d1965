import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { takeRoom } from "../../src/machine/lease.ts";
import { admit, mostOf, type Reservation, reservationFor } from "../../src/machine/room.ts";

const gib = 2 ** 30;
const runtimeDir = await mkdtemp(join(tmpdir(), "dstate-lease-"));
afterAll(async () => await rm(runtimeDir, { recursive: true, force: true }));

describe("admission", () => {
  const host = { type: "host", total: 16 * gib, available: 16 * gib } as const;
  test.each([
    ["an idle host has room", gib, [], host, "start"],
    ["what others may still take is not free", gib, [{ bytes: 14 * gib, used: gib }], host, "wait"],
    [
      "what others have taken is counted once",
      gib,
      [{ bytes: 4 * gib, used: 4 * gib }],
      { ...host, available: 4 * gib },
      "start",
    ],
    ["other programs count too", gib, [], { ...host, available: 2 * gib }, "wait"],
    ["what is larger than the host never starts", 15 * gib, [], host, "never"],
    ["a budget is the user's word", gib, [], { type: "budget", bytes: gib }, "start"],
    [
      "a budget that is spent makes the next one wait",
      gib,
      [{ bytes: gib, used: 0 }],
      { type: "budget", bytes: gib },
      "wait",
    ],
  ] as const)("%s", (_name, wanted, ahead, room, expected) => {
    expect(admit(wanted, ahead, room).type).toBe(expected);
  });

  test("however machines come and go, those that run fit together, and none waits for ever", () => {
    const step = fc.oneof(
      fc.record({ ask: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ end: fc.nat({ max: 10 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 8, max: 20 }), (steps, budget) => {
        const room = { type: "budget", bytes: budget } as const;
        let queue: { bytes: number; used: number; runs: boolean }[] = [];
        const settle = (): void => {
          for (const [index, one] of queue.entries())
            one.runs ||= admit(one.bytes, queue.slice(0, index), room).type === "start";
          const running = queue.filter(({ runs }) => runs);
          expect(running.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(mostOf(room));
        };
        for (const one of steps) {
          if ("ask" in one) queue.push({ bytes: one.ask, used: 0, runs: false });
          else {
            const running = queue.filter(({ runs }) => runs);
            const ended = running[one.end % running.length];
            queue = queue.filter((other) => other !== ended);
          }
          settle();
        }
        while (queue.length > 0) {
          expect(queue[0]?.runs).toBe(true);
          queue.shift();
          settle();
        }
      }),
    );
  });

  test("with what a host has free, machines that run could all grow to their full size", () => {
    const others = fc.array(
      fc.record({
        bytes: fc.integer({ min: 1, max: 10 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(others, fc.integer({ min: 1, max: 10 }), fc.nat({ max: 64 }), (list, wanted, available) => {
        const ahead: Reservation[] = list.map(({ bytes, share }) => ({ bytes, used: bytes * share }));
        if (admit(wanted, ahead, { type: "host", total: 64, available }).type !== "start") return;
        const growth = ahead.reduce((sum, { bytes, used }) => sum + bytes - used, 0);
        expect(growth + wanted).toBeLessThanOrEqual(available);
      }),
    );
  });
});

function contextWith(memory: number, progress: (event: ProgressEvent) => void = () => {}): Context {
  return {
    settings: { ...readSettings({}), runtimeDir, memory },
    progress,
    signal: new AbortController().signal,
  };
}

const one = reservationFor(gib);

describe("leases", () => {
  test("a machine waits until the one before it is gone, and says so", async () => {
    const first = await takeRoom(gib, contextWith(one));
    const waiting = Promise.withResolvers<ProgressEvent>();
    const second = takeRoom(gib, contextWith(one, waiting.resolve));
    expect(await waiting.promise).toMatchObject({ title: "wait for 1.5 GiB of memory" });
    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
  });

  test("who stops waiting gives up his place", async () => {
    const first = await takeRoom(gib, contextWith(one));
    const stop = new AbortController();
    const second = takeRoom(gib, {
      ...contextWith(one, () => stop.abort(new Error("enough"))),
      signal: stop.signal,
    });
    await expect(second).rejects.toThrow("enough");
    first[Symbol.dispose]();
    (await takeRoom(gib, contextWith(one)))[Symbol.dispose]();
  });

  test("there is an end to waiting, with a word on what to do", async () => {
    using _first = await takeRoom(gib, contextWith(one));
    await expect(takeRoom(gib, contextWith(one), { within: 1 })).rejects.toMatchObject({
      name: "InfraError",
      message: expect.stringContaining("no memory for another machine"),
    });
  });

  test("of several machines counts what each of them has taken", async () => {
    using both = await takeRoom(gib, contextWith(2 * one), { machines: 2 });
    const rows = (): unknown[] => {
      using leases = new DatabaseSync(join(runtimeDir, "leases.sqlite"));
      return leases
        .prepare("SELECT bytes, qemu FROM leases ORDER BY id")
        .all()
        .map((row) => ({ ...row }));
    };
    expect(both.bytes).toBe(2 * one);
    const sleeper = spawn("sleep", ["60"]);
    onTestFinished(() => void sleeper.kill());
    const qemu = sleeper.pid ?? 0;
    both.claim(process.pid);
    both.claim(qemu);
    expect(rows()).toEqual([
      { bytes: one, qemu: process.pid },
      { bytes: one, qemu },
    ]);
    // One of them ended, and another one is started in its place.
    sleeper.kill("SIGKILL");
    await once(sleeper, "exit");
    both.claim(process.ppid);
    expect(rows()).toEqual([
      { bytes: one, qemu: process.pid },
      { bytes: one, qemu: process.ppid },
    ]);
    both[Symbol.dispose]();
    expect(rows()).toEqual([]);
  });

  test("a machine beyond the limit is refused at once", async () => {
    await expect(takeRoom(2 * gib, contextWith(one))).rejects.toMatchObject({
      name: "UsageError",
      exitCode: 2,
    });
    await expect(takeRoom(gib, contextWith(one), { machines: 2 })).rejects.toThrow(
      "2 machines may take 3.0 GiB",
    );
  });

  const child = (script: string) => {
    const lease = new URL("../../src/machine/lease.ts", import.meta.url).href;
    const settings = new URL("../../src/base/settings.ts", import.meta.url).href;
    const text = `
      import { appendFileSync } from "node:fs";
      import { takeRoom } from ${JSON.stringify(lease)};
      import { readSettings } from ${JSON.stringify(settings)};
      const context = { settings: { ...readSettings({}), runtimeDir: ${JSON.stringify(runtimeDir)}, memory: ${2 * one} },
        progress: () => {}, signal: new AbortController().signal };
      ${script}`;
    return spawn(process.execPath, ["--input-type=module", "-e", text], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  };

  test("what a killed process had taken is free at once", async () => {
    const holder = child(`
      await takeRoom(${gib}, context, { machines: 2 });
      process.stdout.write("taken");
      setInterval(() => {}, 1000);`);
    await once(holder.stdout, "data");
    const waiting = Promise.withResolvers<ProgressEvent>();
    const next = takeRoom(gib, contextWith(2 * one, waiting.resolve));
    expect(await waiting.promise).toMatchObject({ type: "start" });
    holder.kill("SIGKILL");
    (await next)[Symbol.dispose]();
  });

  test("processes that race never hold more than the limit together", async () => {
    const log = join(runtimeDir, "log");
    const racers = [1, 1, 1, 2].map((machines) =>
      child(`
        for (let round = 0; round < 5; round += 1) {
          const lease = await takeRoom(${gib}, context, { machines: ${machines} });
          appendFileSync(${JSON.stringify(log)}, "${machines}\\n");
          await new Promise(setImmediate);
          appendFileSync(${JSON.stringify(log)}, "-${machines}\\n");
          lease[Symbol.dispose]();
        }`),
    );
    const codes = await Promise.all(racers.map(async (racer) => (await once(racer, "exit"))[0]));
    expect(codes).toEqual([0, 0, 0, 0]);
    let held = 0;
    for (const line of (await readFile(log, "utf8")).trim().split("\n")) {
      held += Number(line);
      expect(held).toBeLessThanOrEqual(2);
    }
    expect(held).toBe(0);
  });
});
