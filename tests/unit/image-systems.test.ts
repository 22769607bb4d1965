import { describe, expect, expectTypeOf, test } from "vitest";
import { imageKinds } from "../../src/base/settings.ts";
import { readShutdown } from "../../src/guest/shutdown.ts";
import type { GuestSystem, Init } from "../../src/image/system.ts";
import { systemd } from "../../src/image/systemd.ts";
import { guestSystems } from "../../src/image/systems.ts";

describe("what depends on the guest's system", () => {
  test("has a row for every name, and every row is whole", () => {
    expect(Object.keys(guestSystems)).toEqual(imageKinds);
    expectTypeOf<Omit<GuestSystem, "init">>().not.toExtend<GuestSystem>();
    expectTypeOf<Omit<Init, "powerOff">>().not.toExtend<Init>();
  });
});

describe("another init", () => {
  /** As OpenRC's lines are; nothing boots with it. */
  const other: Init = {
    ...systemd,
    name: "init",
    shutdown: {
      target: /^ \* Runlevel (\w+) reached$/,
      stopJob: /^ \* Stopping (.+) \.\.\.$/,
      lastStage: /^The system is going down NOW!|^Sent SIG|^Requesting system/,
      sigterm: /^Sent SIGTERM to all processes$/,
      sigkill: /^Sent SIGKILL to all processes$/,
      killed: /(?!)/,
      waitingFor: /(?!)/,
      readProcesses: () => [],
      requests: [[/^Requesting system poweroff$/, "power-off"]],
    },
  };

  test("is read by its own lines, and the kernel's stay what they are", () => {
    const console = [
      " * Stopping sshd ...",
      "The system is going down NOW!",
      "Sent SIGTERM to all processes",
      "Sent SIGKILL to all processes",
      "Requesting system poweroff",
      "[   12.551234] reboot: Power down",
    ].join("\n");
    expect(readShutdown(console, other.shutdown)).toMatchObject({
      stopJobs: ["sshd"],
      finalPhase: true,
      sentSigterm: true,
      sentSigkill: true,
      asked: "power-off",
      end: "power-off",
    });
    expect(readShutdown(console, systemd.shutdown)).toMatchObject({ finalPhase: false, end: "power-off" });
  });
});
