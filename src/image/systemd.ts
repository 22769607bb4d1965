import { oneLine } from "../base/text.ts";
import type { Init, ShutdownProcess } from "./system.ts";

/** systemd, as Debian and NixOS have it. */
export const systemd: Init = {
  name: "systemd",
  // See https://www.freedesktop.org/software/systemd/man/latest/systemd.html (KERNEL COMMAND LINE)
  kernelParameters: ["systemd.show_status=0", "systemd.log_level=warning"],
  powerOff: ["systemctl", "poweroff", "--no-block"],
  settle: "systemctl is-system-running --wait",
  // Workers of udev wait three seconds for more work: see `udevadm(8)`, where --reload ends them first.
  rest: "udevadm control --reload",
  failed: "systemctl --failed --no-legend",
  journal: (mostBytes) => `journalctl -b --no-pager -o short-monotonic 2>&1 | tail -c ${mostBytes}`,
  machineIdFile: "/etc/machine-id",
  // See https://github.com/systemd/systemd/blob/main/src/shutdown/shutdown.c
  shutdown: {
    target: /Reached target (.+?)\.?$/,
    stopJob: /A stop job is running for (.+?)(?: \([^()]*(?:\/|no limit)[^()]*\).*)?$/,
    lastStage: /systemd-shutdown\[1\]:/,
    sigterm: /Sending SIGTERM to remaining processes/,
    sigkill: /Sending SIGKILL to remaining processes/,
    killed: /Sending SIGKILL to PID (\d+) \((.*)\)/,
    waitingFor: /: Waiting for process(?:es)?: (.+)$/,
    readProcesses,
    requests: [
      [/systemd-shutdown\[1\]: Powering off\./, "power-off"],
      [/systemd-shutdown\[1\]: Rebooting(?: with| in|\.)/, "reboot"],
      [/systemd-shutdown\[1\]: Halting system\./, "halt"],
      [/systemd-shutdown\[1\]: Rebooting with kexec\./, "kexec"],
    ],
  },
};

/** `132 (node), 140 (x)` since systemd 254 or so, `node, bash` before; a comm may hold brackets and commas. */
function readProcesses(list: string): readonly ShutdownProcess[] {
  const withPid = [...list.matchAll(/(\d+) \((.*?)\)(?=, \d+ \(|,? ?\.*…?$)/g)];
  if (withPid.length > 0) {
    return withPid.map((match) => ({ pid: Number(match[1]), comm: oneLine(match[2] ?? "") }));
  }
  return list
    .split(", ")
    .map((comm) => ({ comm: oneLine(comm) }))
    .filter((process) => process.comm !== "" && process.comm !== "...");
}
