import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import { timeouts } from "../base/timeouts.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { Machine } from "../machine/machine.ts";

/** OpenSSH's client with a multiplexed connection to a guest: the yardstick for our own. */
export interface OpenSshControl extends AsyncDisposable {
  /** Put a command for the guest behind it. */
  readonly argv: readonly string[];
}

/**
 * Open a master connection with OpenSSH's own client.
 *
 * @see https://man.openbsd.org/ssh_config#ControlMaster
 */
export async function openSshControl(
  machine: Machine,
  dir: string,
  options: WaitOptions,
): Promise<OpenSshControl> {
  const key = join(dir, "key");
  await writeFile(key, machine.seed.clientKey, { mode: 0o600 });
  const place = ["-p", `${machine.sshPort}`, "root@127.0.0.1"];
  const control = ["-S", join(dir, "control")];
  const trust = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
  ];
  await command(["ssh", "-M", "-f", "-N", "-i", key, ...control, ...trust, ...place], options);
  return {
    argv: ["ssh", ...control, ...place],
    [Symbol.asyncDispose]: async () => {
      await command(["ssh", "-O", "exit", ...control, ...place], { within: timeouts.guest.quick }).catch(
        () => {},
      );
    },
  };
}
