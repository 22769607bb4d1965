import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readShutdown as read, type Shutdown } from "../../src/guest/shutdown.ts";
import { systemd } from "../../src/image/systemd.ts";

const readShutdown = (console: string): Shutdown => read(console, systemd.shutdown);

describe("readShutdown", () => {
  test("reads a power-off that went well", () => {
    const console = [
      "[  OK  ] Reached target \x1b[0;1;39mumount.target\x1b[0m - Unmount All Filesystems.\r",
      "[  OK  ] Reached target \x1b[0;1;39mpoweroff.target\x1b[0m - System Power Off.\r",
      "[   12.501234] systemd-shutdown[1]: Syncing filesystems and block devices.",
      "[   12.511234] systemd-shutdown[1]: Sending SIGTERM to remaining processes...",
      "[   12.521234] systemd-shutdown[1]: Sending SIGKILL to remaining processes...",
      "[   12.531234] systemd-shutdown[1]: All filesystems, swaps, loop devices, MD devices and DM devices detached.",
      "[   12.541234] systemd-shutdown[1]: Powering off.",
      "[   12.551234] reboot: Power down",
    ].join("\n");
    expect(readShutdown(console)).toEqual({
      targets: ["umount.target - Unmount All Filesystems", "poweroff.target - System Power Off"],
      stopJobs: [],
      finalPhase: true,
      sentSigterm: true,
      sentSigkill: true,
      killed: [],
      waitingFor: [],
      waits: 0,
      asked: "power-off",
      end: "power-off",
    });
  });

  test("reads who does not die", () => {
    const console = [
      "systemd-shutdown[1]: Sending SIGTERM to remaining processes...",
      "systemd-shutdown[1]: Waiting for process: 132 (node), 140 ((sd-pam)), 141 (a, b (c))",
      "systemd-shutdown[1]: Sending SIGKILL to remaining processes...",
      "systemd-shutdown[1]: Sending SIGKILL to PID 132 (node).",
      "systemd-shutdown[1]: Waiting for process: 132 (node)",
      "systemd-shutdown[1]: Waiting for process: 132 (node)",
    ].join("\n");
    expect(readShutdown(console)).toMatchObject({
      killed: [{ pid: 132, comm: "node" }],
      waitingFor: [{ pid: 132, comm: "node" }],
      waits: 3,
    });
    expect(readShutdown(console)).not.toHaveProperty("end");
  });

  test.each([
    [
      "132 (node), 140 ((sd-pam)), 141 (a, b (c))",
      [
        [132, "node"],
        [140, "(sd-pam)"],
        [141, "a, b (c)"],
      ],
    ],
    [
      "node, bash",
      [
        [undefined, "node"],
        [undefined, "bash"],
      ],
    ],
    ["(sd-pam)", [[undefined, "(sd-pam)"]]],
  ])("reads the list of processes %j", (list, expected) => {
    const { waitingFor } = readShutdown(`[    9.1] systemd-shutdown[1]: Waiting for process: ${list}\r\n`);
    expect(waitingFor.map(({ pid, comm }) => [pid, comm])).toEqual(expected);
  });

  test.each([
    [
      "[  \x1b[31m*\x1b[39m] A stop job is running for User Manager for UID 0 (6s / 2min)",
      "User Manager for UID 0",
    ],
    ["[***] (1 of 2) A stop job is running for npm (work) (1min 2s / 1min 30s)", "npm (work)"],
    ["A stop job is running for /srv/work (12s / no limit)", "/srv/work"],
  ])("reads the stop job of %j once however often it is shown", (line, job) => {
    expect(readShutdown(`${line}\r${line}\n${line}\n`).stopJobs).toEqual([job]);
  });

  test.each([
    ["[ 9.1] reboot: Restarting system", "reboot"],
    ["[ 9.1] reboot: System halted", "halt"],
    ["Power down.", "power-off"],
    ["Restarting system.", "reboot"],
  ] as const)("knows from %j that the machine ended in %s", (line, end) => {
    expect(readShutdown(line).end).toBe(end);
  });

  test("a panic is the end, with its reason, whatever comes after", () => {
    expect(
      readShutdown("[ 9.1] Kernel panic - not syncing: Fatal exception\n[ 9.2] reboot: Restarting system\n"),
    ).toMatchObject({ end: "panic", panic: "Fatal exception" });
  });

  test("never throws, and hands out no control characters, whatever the console says", () => {
    const said = fc.constantFrom(
      "systemd-shutdown[1]: Waiting for process: ",
      "systemd-shutdown[1]: Sending SIGKILL to PID 1 (",
      "A stop job is running for ",
      "Reached target ",
      "Kernel panic - not syncing: ",
      "1 (",
      "), ",
      "\n",
      "\x1b]",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(said, fc.string({ unit: "binary" }))), (parts) => {
        expect(JSON.stringify(readShutdown(parts.join("")))).not.toMatch(/\\u00[01]|[\x7f-\x9f]/);
      }),
    );
  });
});
