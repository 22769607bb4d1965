import { expect, test } from "vitest";
import { benchRestore } from "../../src/bench/restore.ts";
import { provideParts } from "../../src/index.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { probeAccelerator } from "../../src/machine/accelerator.ts";
import { testContext } from "../../src/vitest/test.ts";
import { bootVm, kernel } from "./vm.ts";

const context = await testContext(new AbortController().signal);
const { accelerator, because } = await probeAccelerator(
  await provideKernel(parseKernelSelector(kernel), context),
  context,
);

// Every test with a machine uses KVM where it works; these are about what differs there.
if (accelerator.type === "kvm") {
  test("a machine runs under KVM, and a guest with the host's processor", async () => {
    await using vm = await bootVm({ cold: true });
    expect(await vm.machine.qmp.human("info kvm", {})).toContain("kvm support: enabled");
    const { stdout } = await vm.guest.quick("grep -m1 -o hypervisor /proc/cpuinfo");
    expect(stdout.trim()).toBe("hypervisor");
  });

  test("a restored guest has the host's time, and its clock goes on evenly", async () => {
    await (await bootVm())[Symbol.asyncDispose]();
    await using vm = await bootVm();
    expect(vm.start).toBe("warm");
    const read = async (): Promise<{ guest: number; steady: number; host: number }> => {
      const { stdout } = await vm.guest.quick("date +%s%3N; cut -d' ' -f1 /proc/uptime");
      const [date, uptime] = stdout.split("\n").map(Number);
      return { guest: date ?? 0, steady: (uptime ?? 0) * 1000, host: Date.now() };
    };
    const before = await read();
    await vm.guest.quick("sleep 5", { within: "30s" });
    const after = await read();
    expect(Math.abs(after.guest - after.host)).toBeLessThan(1000);
    // A restored TSC that runs at another rate would show here.
    const passed = after.host - before.host;
    expect(Math.abs(after.guest - before.guest - passed)).toBeLessThan(500);
    expect(Math.abs(after.steady - before.steady - passed)).toBeLessThan(500);
  });

  test("ten restores in a row are ten machines", async () => {
    const cell = { kernel, node: "20.9.0", env: {}, image: "debian", axes: {} } as const;
    const parts = await provideParts({ id: "kvm-test" }, cell, context);
    const result = await benchRestore({ parts, count: 10 }, context);
    expect(result).toMatchObject({ warm: 10, machineIds: 10, randomSeeds: 10, sawAnothersWrite: 0 });
  });
} else {
  test("a host whose KVM boots no kernel runs machines without it, and says why", async () => {
    await using vm = await bootVm();
    expect(vm.acceleration).toBe(`TCG (${because})`);
    expect(because).toMatch(/\/dev\/kvm/);
    expect(await vm.machine.qmp.human("info kvm", {})).toContain("kvm support: disabled");
  });
}
