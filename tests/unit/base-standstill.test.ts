import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { StandstillMeter } from "../../src/base/standstill.ts";
import { pause } from "../../src/base/wait.ts";

const source = (name: string): string => new URL(`../../src/base/${name}`, import.meta.url).href;

/** What a meter says of looks at these times, each with what the process ran or waited for a processor until then. */
function totals(looks: readonly (readonly [now: number, wanted: number])[]): number[] {
  let at = 0;
  const meter = new StandstillMeter({ now: () => looks[at]?.[0] ?? 0, wanted: () => looks[at]?.[1] ?? 0 });
  return looks.slice(1).map(() => {
    at += 1;
    return meter.look();
  });
}

test.each<[string, [number, number], [number, number], number]>([
  ["runs all the time", [250, 250], [500, 500], 0],
  ["sleeps between its looks", [250, 1], [500, 2], 0],
  ["computes for a minute", [250, 250], [60_250, 60_250], 0],
  ["waits a minute for a processor", [250, 10], [60_250, 60_010], 0],
  ["is late by a moment", [250, 1], [1_300, 2], 0],
  ["is stopped for a minute", [250, 1], [60_500, 1], 60_000],
  ["is stopped for a minute, and computes before and after", [250, 200], [61_500, 1_200], 60_000],
])("a process that %s stood still for as long", (_what, first, second, stood) => {
  expect(totals([[0, 0], first, second])).toEqual([0, stood]);
});

/** A process that waits for what never comes, and says when it begins and what it was told in the end. */
async function waiterOf(within: string): Promise<{ pid: number; said: () => Promise<string> }> {
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--disable-warning=ExperimentalWarning",
      "--eval",
      `const { withDeadline } = await import(${JSON.stringify(source("wait.ts"))});
       const { served } = await import(${JSON.stringify(source("deadline.ts"))});
       const pace = { factor: 1, count: (await import(${JSON.stringify(source("pace.ts"))})).processPace(process.pid, { factor: 1 }).count };
       const before = performance.now();
       const waiting = withDeadline("what never comes", { within: ${within}, pace }, () => new Promise(() => {}));
       console.log("waits");
       await waiting.catch(() => console.log(String(Math.round(performance.now() - before))));`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  await once(child.stdout, "data");
  return {
    pid: child.pid ?? 0,
    said: async () => {
      await once(child, "close");
      return text.split("\n")[1] ?? "";
    },
  };
}

test.each([
  ["of a healthy guest", 'served("2s")'],
  ["by the clock", '"2s"'],
])("a deadline %s does not run while the process is stopped", async (_which, within) => {
  const { pid, said } = await waiterOf(within);
  process.kill(pid, "SIGSTOP");
  await pause("4s");
  process.kill(pid, "SIGCONT");
  // Two seconds that it ran, beside the four.
  expect(Number(await said())).toBeGreaterThan(5_000);
});
