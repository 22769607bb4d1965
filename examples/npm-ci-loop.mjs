#!/usr/bin/env node
// The steps of nodejs/node#55587 as a script: boot a kernel, run `npm ci` in a loop, send SIGKILL to the run that
// stalls, look at dmesg, and see whether the machine still powers off.
//
//   node examples/npm-ci-loop.mjs 6.1.115 ./my-project 10
//
// Exit code 1: SIGKILL left something, or the machine did not power off.
import { npmProject, openVm } from "dstate";

const [kernel = "6.1.115", project = ".", rounds = "10"] = process.argv.slice(2);

await using vm = await openVm({
  kernel,
  node: "20.9.0",
  npm: "10.1.0",
  memory: "2GiB",
  ...npmProject(project),
});
console.log(
  `Linux ${(await vm.$`uname -r`.text()).trim()}, libuv ${(await vm.$`node -p process.versions.uv`.text()).trim()}`,
);

let verdict;
for (let round = 1; round <= Number(rounds) && !verdict; round += 1) {
  await vm.$`rm -rf node_modules`;
  const install = vm.$({ within: "10m" })`npm ci --offline --ignore-scripts --cache .npm-cache`
    .quiet()
    .nothrow();
  const job = await install.job;
  const ended = await job.untilExitOrStall({ deadline: "8m" });
  console.log(`npm ci, round ${round}: ${ended.type} after ${(ended.after / 1000).toFixed(1)} s`);
  if (ended.type !== "exit") verdict = await job.kill("SIGKILL", { within: "5s" });
}

if (verdict) {
  console.log(`after SIGKILL: ${verdict.state}`);
  for (const { comm, state, stack } of verdict.threads)
    console.log(`  ${comm} ${state}: ${stack.map((frame) => frame.function).join(" < ")}`);
}
const log = await vm.kernelLog();
for (const finding of log.findings) console.log(`dmesg: ${finding.title}`);
const powerOff = await vm.powerOff({ within: "30s" });
console.log(`power-off: ${powerOff.state}`);
process.exitCode = (verdict?.state ?? "reaped") === "reaped" && powerOff.state === "off" ? 0 : 1;
