import { hostname, userInfo } from "node:os";
import { describe, expect, test } from "vitest";
import { parseProcessor } from "../../src/machine/host-processor.ts";
import { readKvmFacts } from "../../src/setup/kvm-facts.ts";
import { type KvmReport, renderKvmReport } from "../../src/setup/kvm-report.ts";

// Recorded on the machine that dstate is developed on: a guest of a hypervisor that lends no real KVM.
const refused: KvmReport = {
  facts: {
    system: "Debian GNU/Linux 12 (bookworm)",
    kernel: "6.18.44",
    processor: "AMD EPYC (AuthenticAMD 25/17/1)",
    processors: 2,
    memory: "23.5 GiB",
    features: ["constant_tsc", "hypervisor"],
    clocksource: { current: "tsc", available: "tsc kvm-clock" },
    device: "opens",
    mode: "0660",
    modules: ["kvm: tdp_mmu=N", "kvm_pvm"],
  },
  qemu: "QEMU emulator version 7.2.22",
  boots: [
    { processor: "host", outcome: "ended", milliseconds: 100, console: "", qemu: "Assertion `ret' failed." },
    { processor: "qemu64", outcome: "hung", milliseconds: 30_000, console: "Probing EDD", qemu: "" },
  ],
  decision: "TCG: /dev/kvm opens, but QEMU ended under it before a kernel had booted",
  guest: undefined,
  failure: undefined,
};

describe("a report on KVM", () => {
  test("says for each processor how far a kernel came, and what QEMU said", () => {
    const text = renderKvmReport(refused);
    expect(text).toContain(
      "-cpu host: QEMU ended after 0.1 s; the console stayed empty; QEMU said: Assertion `ret' failed.",
    );
    expect(text).toContain("-cpu qemu64: no kernel booted in 30.0 s; the console's last line: Probing EDD");
    expect(text).toContain("dstate would run machines with: TCG");
  });

  test("of a host where it works tells of a guest's restores and of its clock", () => {
    const figures = { n: 3, min: 1, median: 2, max: 3 };
    const text = renderKvmReport({
      ...refused,
      boots: [
        {
          processor: "host",
          outcome: "booted",
          milliseconds: 900,
          console: "VFS: Cannot open root",
          qemu: "",
        },
      ],
      guest: {
        restores: {
          count: 3,
          warm: 3,
          machineIds: 3,
          hostnames: 3,
          randomSeeds: 3,
          sawAnothersWrite: 0,
          clockErrorMilliseconds: figures,
          restoreToFirstCommandSeconds: { ...figures, median: 0.2 },
        },
        clocksource: "kvm-clock",
        availableClocksources: "kvm-clock tsc acpi_pm",
        log: ["[    0.000000] tsc: Detected 2400.000 MHz processor\u001b[31m"],
      },
    });
    expect(text).toContain("-cpu host: a kernel booted in 0.9 s");
    expect(text).toContain("a whole guest: 3 of 3 restored, 3 machine ids, 3 random seeds");
    expect(text).toContain("the guest's clock after a restore: off by 3 ms at most");
    expect(text).not.toContain("\u001b");
  });

  test("names neither the user nor this machine", async () => {
    const said = JSON.stringify(await readKvmFacts());
    const { username, homedir } = userInfo();
    for (const secret of [username, homedir, hostname()].filter((word) => word.length > 4)) {
      expect(said).not.toContain(secret);
    }
    expect(said).toContain('"device"');
  });
});

test("a processor is known by its model and its features, and not by how fast it runs just now", () => {
  const cpuinfo = (megahertz: string, flags: string): string =>
    `processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon: some kind\nstepping\t: 7\n` +
    `microcode\t: 0x5003\ncpu MHz\t\t: ${megahertz}\nflags\t\t: ${flags}\n\nprocessor\t: 1\nflags\t\t: other\n`;
  const one = parseProcessor(cpuinfo("1200.000", "fpu vmx"));
  expect(one).toMatchObject({
    "model name": "Xeon: some kind",
    model: "85",
    flags: "fpu vmx",
    microcode: "0x5003",
  });
  expect(parseProcessor(cpuinfo("3400.000", "fpu vmx"))).toEqual(one);
  expect(parseProcessor(cpuinfo("1200.000", "fpu"))).not.toEqual(one);
});
