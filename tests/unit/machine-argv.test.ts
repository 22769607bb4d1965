import { expect, test } from "vitest";
import { qemuArguments } from "../../src/machine/argv.ts";
import { guestPlatform } from "../../src/platform/platforms.ts";

test("paths with commas survive QEMU's option lists, and nothing listens beyond this host", () => {
  const argv = qemuArguments({
    platform: guestPlatform,
    accelerator: { type: "tcg" },
    cpus: 2,
    memory: 2 ** 30,
    kernel: "/k",
    commandLine: "console=ttyS0",
    disks: [{ serial: "dstate-root", path: "/a,b", format: "raw", access: "private" }],
    qmpSocket: "/q",
    console: "/c",
    commandsSocket: "/d",
    errorsSocket: "/e",
    network: "isolated",
  });
  expect(argv.join(" ")).toContain("file=/a,,b,");
  expect(argv.filter((word) => word.includes("hostfwd"))).toEqual([
    expect.stringContaining("hostfwd=tcp:127.0.0.1:0-:22"),
  ]);
  expect(argv.join(" ")).toContain("snapshot=on");
});

/** What is recorded, and else of no importance. */
const recorded = {
  platform: guestPlatform,
  accelerator: { type: "tcg" },
  cpus: 1,
  memory: 2 ** 30,
  kernel: "/k",
  commandLine: "console=ttyS0",
  disks: [
    { serial: "dstate-root", path: "/root", format: "qcow2", access: "read-write" },
    { serial: "dstate-node", path: "/node", format: "raw", access: "read-only" },
  ],
  qmpSocket: "/q",
  console: "/c",
  commandsSocket: "/d",
  errorsSocket: "/e",
  network: "isolated",
} as const;

test("a recorded machine has every disk and its network behind what writes them down, and nothing that differs from start to start", () => {
  const record = qemuArguments({ ...recorded, recording: { mode: "record", log: "/l,og" } });
  const words = record.join(" ");
  expect(words).toContain("-icount shift=2,rr=record,rrfile=/l,,og,rrsnapshot=start");
  for (const device of record.filter((word) => word.startsWith("virtio-blk"))) {
    const drive = /drive=(\w+)/.exec(device)?.[1];
    expect(words).toContain(`driver=blkreplay,if=none,id=${drive},image=${drive}-file`);
  }
  expect(words).toContain("filter-replay,id=recorded-net,netdev=net");
  expect(words).not.toMatch(/thread=multi|guid=auto|virtserialport|snapshot=on/);
  const replay = qemuArguments({ ...recorded, recording: { mode: "replay", log: "/l,og", paused: true } });
  // The same machine, to the last word; but for which way, and that it waits.
  expect(replay.filter((word) => word !== "-S").join(" ")).toBe(words.replace("rr=record", "rr=replay"));
});

test("what makes a replay stand still when a debugger goes back is left out of it, where it was left out of its recording", () => {
  const recording = { mode: "replay", log: "/log" } as const;
  const machine = { ...recorded, recording };
  expect(qemuArguments(machine).join(" ")).not.toMatch(/apic\.vapic|guest_announce|period=|-rtc/);
  const argv = qemuArguments({ ...machine, recording: { ...recording, begins: "2026-11-27T20:15:00.123Z" } });
  expect(argv[argv.indexOf("apic.vapic=off") - 1]).toBe("-global");
  expect(argv[argv.indexOf("-rtc") + 1]).toBe("base=2026-11-27T20:15:00,clock=vm");
  expect(argv).toContainEqual(expect.stringMatching(/^virtio-net-pci,.*,guest_announce=off/));
  expect(argv).toContainEqual(expect.stringMatching(/^virtio-rng-pci,.*,period=\d{10}/));
});
