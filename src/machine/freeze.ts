import { createWriteStream } from "node:fs";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import type { Machine } from "./machine.ts";
import { migrateOut } from "./migrate.ts";

/**
 * Stop a machine and write its device state to a file. Its memory is a shared file already and stays out of
 * the stream (`x-ignore-shared`). The machine cannot go on afterwards: end it, so that its disks are closed.
 *
 * @see https://www.qemu.org/docs/master/devel/migration/features.html
 * @throws {InfraError} when QEMU refuses.
 */
export async function freezeMachine(
  machine: Machine,
  statePath: string,
  options: WaitOptions,
): Promise<void> {
  await withDeadline("the machine to freeze", { ...options, pace: machine.pace }, async (signal) => {
    await machine.qmp.call("stop", {}, { signal });
    await migrateOut(machine, [createWriteStream(statePath)], { memory: "in a file", signal });
  });
}
