import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { goalOf, parseUntil, placesFor } from "../../src/cli/until.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { chooseCell } from "../../src/lab/cell.ts";
import { contextOf, openVm } from "../../src/lab/open.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { startReplay } from "../../src/lab/recorded.ts";
import { openDebugger } from "../../src/machine/debugger.ts";
import { replay } from "../../src/machine/replay.ts";
import { debugImageFor } from "../../src/why/debug-image.ts";
import repro from "../repros/io-uring-dstate/repro.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-walk-"));
const recording = join(dir, "recording");
const context = contextOf({});
const { signal } = context;

beforeAll(async () => {
  await provideKernel(parseKernelSelector("6.1.115"), context, { debugInfo: true });
  const cell = chooseCell(repro.axes, { kernel: "6.1.115", node: "20.9.0" }, context.settings);
  const parts = await provideParts(repro, cell, context);
  await using vm = await openVm({
    parts,
    memory: "2GiB",
    evidenceDir: join(dir, "run"),
    recordInto: recording,
  });
  const job = await vm.guest.spawn(["node", "lstat.mjs", "10"], { cwd: "/srv/work" });
  expect((await job.untilExitOrStall({ deadline: "10m" })).type).toBe("stall");
  expect((await job.kill("SIGKILL", { within: "10s" })).state).toBe("D");
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

test("gdb goes back from the hang to the unlock by whom the lock was not held", async () => {
  await using replayed = await startReplay(recording, context);
  const { machine } = replayed;
  const { kernel } = replayed.recording;
  const { vmlinux } = await debugImageFor(kernel, {}, context);
  const until = parseUntil("io_uring_del_tctx_node");
  const goal = goalOf(until, await placesFor(until, kernel, context));
  expect((await replay(machine, { until: goal, states: replayed.quietMoments, signal })).type).toBe("stop");
  const script = (name: string): string => fileURLToPath(new URL(`../../gdb/${name}.py`, import.meta.url));
  const commands = [
    // Both, as the line of `dstate replay --gdb` has them.
    `source ${script("stuck")}`,
    `target remote ${await openDebugger(machine, context)}`,
    `source ${script("owners")}`,
    // What the exiting thread waits for, for ever.
    "hbreak __mutex_lock_slowpath",
    "continue",
    "delete",
    "stuck",
    "owners $rdi",
    "backtrace 4",
  ];
  const { stdout } = await command(
    ["gdb", "-nx", "-batch", ...commands.flatMap((each) => ["-ex", each]), vmlinux],
    { within: "10m", signal },
  );
  expect(stdout).toMatch(/^iou-sqp-\d+:\d+\n#0 .*__schedule/ms);
  expect(stdout).toMatch(/^\d+ {2}here {2}node:\d+ owns it$/m);
  const [wrong] = /^\d+ {2}node:\d+ {2}nobody -> nobody {2}WRONG: unlocks what nobody holds\n.*$/m.exec(
    stdout,
  ) ?? [stdout];
  expect(wrong).toContain("< mutex_unlock < __io_cqring_overflow_flush <");
  // The machine stands there, and gdb with it.
  expect(stdout.slice(stdout.indexOf(wrong) + wrong.length)).toMatch(
    /^#2 .* __io_cqring_overflow_flush \([^#]* at io_uring\.c:\d+/m,
  );
});
