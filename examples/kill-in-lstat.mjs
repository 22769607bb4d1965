#!/usr/bin/env node
// The fast way to the same defect: 20,000 lstat calls at a time from one Node, written into the guest by zx, killed
// when it stalls; then what the kernel says of the tasks that hang, and the power-off.
//
//   node examples/kill-in-lstat.mjs 6.1.115
import { hasOnStack, openVm } from "dstate";

const [kernel = "6.1.115"] = process.argv.slice(2);

const workload = `
const { lstat } = require("node:fs/promises");
(async () => {
  for (let round = 1; round <= 10; round += 1) {
    await Promise.all(Array.from({ length: 20_000 }, () => lstat("/etc/passwd")));
    console.log("round", round);
  }
})();
`;

await using vm = await openVm({ kernel, node: "20.9.0", memory: "2GiB" });
const { $ } = vm;

await $({ input: workload })`cat > lstat.cjs`;
const running = $({ within: "5m" })`node lstat.cjs`.nothrow();
const job = await running.job;
const ended = await job.untilExitOrStall({ deadline: "4m" });
console.log(`${kernel}: ${ended.type} after ${(ended.after / 1000).toFixed(1)} s`);

let stuck = false;
if (ended.type !== "exit") {
  const verdict = await job.kill("SIGKILL", { within: "5s" });
  stuck = verdict.state === "D";
  console.log(`after SIGKILL: ${verdict.state}`);
  if (hasOnStack(verdict.threads, "io_uring_del_tctx_node")) console.log("it is nodejs/node#55587");
}
console.log(await $`dmesg --level=emerg,alert,crit,err,warn | tail -n 5`.text());
console.log(`power-off: ${(await vm.powerOff({ within: "30s" })).state}`);
process.exitCode = stuck ? 1 : 0;
