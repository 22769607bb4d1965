import { describe, test as plainTest } from "vitest";
import { chooseCell, hasOnStack, observationOf, provideParts, runTrial } from "../../../src/index.ts";
import { expect, test } from "../../../src/vitest/index.ts";
import { testContext } from "../../../src/vitest/test.ts";
import repro from "./repro.ts";

const workload = new URL("./workload/", import.meta.url);

describe("nodejs/node#55587", () => {
  plainTest(
    "on 6.1.115 the lstat workload stalls, SIGKILL leaves node and its submission thread in D, and the machine does not power off",
    async ({ signal }) => {
      const context = await testContext(signal);
      const cell = chooseCell(repro.axes, { kernel: "6.1.115", node: "20.9.0" }, context.settings);
      const trial = await runTrial(repro, cell, await provideParts(repro, cell, context), context);
      expect(trial.outcome, trial.summary).toBe("reproduced");
      const seen = observationOf(trial);
      const stuck = seen.afterKill?.threads.filter((thread) => thread.state === "D") ?? [];
      expect(stuck.map((thread) => thread.comm.replace(/\d+/, "N"))).toEqual(
        expect.arrayContaining(["node", "iou-sqp-N"]),
      );
      expect(hasOnStack(seen.afterKill?.threads ?? [], "io_uring_del_tctx_node")).toBe(true);
      expect(
        seen.hungTasks.some((task) =>
          task.frames.some((frame) => frame.function === "io_uring_del_tctx_node"),
        ),
      ).toBe(true);
      expect(seen.powerOff.state).toBe("stuck");
      expect(seen.powerOff.waitingFor.join()).toContain("node");
    },
  );

  for (const choice of repro.cells.control.filter(({ kernel }) => kernel !== "6.1.106")) {
    plainTest(
      `in the control cell ${JSON.stringify(choice)} the workload completes and the machine powers off`,
      async ({ signal }) => {
        const context = await testContext(signal);
        const cell = chooseCell(repro.axes, choice, context.settings);
        const trial = await runTrial(repro, cell, await provideParts(repro, cell, context), context);
        expect(trial.outcome, trial.summary).toBe("clean");
      },
    );
  }

  test("SIGKILL ends a running node on a fixed kernel", {
    kernel: "6.1.129",
    node: "20.9.0",
    npm: "10.1.0",
    workload,
    memory: "2GiB",
  }, async ({ vm, signal }) => {
    const node = await vm.guest.spawn(["node", "lstat.mjs", "1000"], { cwd: "/srv/work", signal });
    await expect.poll(() => node.stdout.text, { timeout: 60_000 }).toContain("round 1 ");
    expect(await node.kill("SIGKILL", { within: "5s", signal })).toBeReaped();
    expect(await vm.kernelLog({ signal })).toBeClean();
    expect(await vm.powerOff({ within: "30s", signal })).toBeOff();
  });
});
