import { afterAll, beforeAll, expect, test } from "vitest";
import type { Vm } from "../../src/index.ts";
import { guestPlatform } from "../../src/platform/platforms.ts";
import { bootVm } from "./vm.ts";

// One contract for every image: what a repro may rely on. It runs on whatever image the cell names.
let vm: Vm;
beforeAll(async () => {
  vm = await bootVm();
});
afterAll(async () => {
  await vm?.[Symbol.asyncDispose]();
});
const out = async (command: string): Promise<string> => (await vm.guest.exec(command)).stdout.trim();

test("commands run as root", async () => {
  expect(await out("id -u")).toBe("0");
});

test("a workload that runs out of memory can be killed, and the way into the guest cannot", async () => {
  expect(await out("cat /proc/self/oom_score_adj")).toBe("0");
  expect(await out('cat "/proc/$(pgrep -o -x sshd)/oom_score_adj"')).toBe("-1000");
});

test("the kernel is the one that was asked for", async () => {
  expect(await out("uname -r")).toBe("6.1.129");
});

test("the system's own init has started everything, and nothing has failed", async () => {
  const { init } = vm.guest.system;
  expect(await out("cat /proc/1/comm")).toBe(init.name);
  expect(await out(init.failed)).toBe("");
});

test("the system tells its journal", async () => {
  expect(await out(vm.guest.system.init.journal(10_000))).not.toBe("");
});

test("the console is the platform's", async () => {
  const mark = vm.machine.console.mark;
  await vm.guest.exec(`echo from-the-guest > /dev/${guestPlatform.console}`);
  await vm.machine.console.waitForLine("the echo", (line) => line.includes("from-the-guest"), {
    within: "10s",
    from: mark,
  });
});

test("node and npm are on the path, in the versions asked for", async () => {
  expect(await out("node -p process.version")).toBe("v20.9.0");
  expect(await out("npm --version")).toBe("10.1.0");
});

test("hung tasks are reported after ten seconds, and every sysrq key works", async () => {
  expect(await out("sysctl -n kernel.hung_task_timeout_secs")).toBe("10");
  expect(await out("sysctl -n kernel.sysrq")).toBe("1");
});

test("/srv/work is there and can be written to", async () => {
  expect(await out("cd /srv/work && echo x > probe && cat probe && rm probe")).toBe("x");
});

test("ssh takes no password, and the image holds no key", async () => {
  expect(await out("sshd -T -f /etc/ssh/dstate_sshd_config | grep -i ^passwordauthentication")).toBe(
    "passwordauthentication no",
  );
  expect(
    await out("find / -xdev -name 'ssh_host_*' -o -xdev -name authorized_keys | grep -v ^/run || true"),
  ).toBe("");
});

test("the guest has an address and cannot reach beyond its machine", async () => {
  expect(await out("ip -4 -o address show dev eth0")).toContain("10.0.2.15/24");
  const reach = await vm.guest.exec("timeout 5 bash -c 'echo > /dev/tcp/10.0.2.2/22' 2>&1", {
    allowFailure: true,
  });
  expect(reach.exitCode).not.toBe(0);
});

test("a healthy boot leaves no finding in the kernel log", async () => {
  expect((await vm.kernelLog()).findings.map((finding) => finding.title)).toEqual([]);
});
