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
    consoleSocket: "/c",
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
