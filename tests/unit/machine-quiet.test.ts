import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { hostPace } from "../../src/base/pace.ts";
import { processorTime } from "../../src/base/processor-time.ts";
import { awaitQuiet } from "../../src/machine/quiet.ts";

const { signal } = new AbortController();

/** A program that says when it has computed for a while, and has nothing to do from then on. */
function program(computes: number): { readonly pid: number; readonly said: () => string } {
  const script = `const end = Date.now() + ${computes}; while (Date.now() < end); console.log("rests"); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (text: Buffer) => {
    said += text.toString();
  });
  return { pid: child.pid ?? 0, said: () => said };
}

test("what still computes is waited for until it rests", async () => {
  const { pid, said } = program(1000);
  await awaitQuiet({ pid, pace: hostPace }, { signal });
  expect(said()).toBe("rests\n");
});

test("who stops waiting is told why, and a program that is gone is not waited for", async () => {
  const { pid } = program(60_000);
  const stop = AbortSignal.abort(new Error("stopped by a test"));
  await expect(awaitQuiet({ pid, pace: hostPace }, { signal: stop })).rejects.toThrow("stopped by a test");
  const gone = spawn("true");
  await once(gone, "exit");
  await awaitQuiet({ pid: gone.pid ?? 0, pace: hostPace }, { signal });
  expect(await processorTime(gone.pid ?? 0)).toBeUndefined();
});
