import { access } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "../base/errors.ts";
import { hostPace } from "../base/pace.ts";
import { timeouts } from "../base/timeouts.ts";
import { layersOf } from "./layers.ts";
import type { Machine } from "./machine.ts";
import { Qmp } from "./qmp.ts";

/** A machine of another process, as far as it can be asked from here. */
export interface ForeignMachine extends Pick<Machine, "qmp" | "exited" | "pace" | "layersPath">, Disposable {}

/**
 * Come to the monitor of a machine that another dstate runs.
 *
 * @param command QEMU's, as the run's record has it.
 * @throws {UsageError} when the machine is gone, or has no second monitor.
 * @example using machine = await connectToRunning(trial.machine.command, { signal, layersDir });
 */
export async function connectToRunning(
  command: readonly string[],
  { signal, layersDir }: { readonly signal: AbortSignal; readonly layersDir: string },
): Promise<ForeignMachine> {
  const path = monitorIn(command);
  const isThere =
    path !== undefined &&
    (await access(path).then(
      () => true,
      () => false,
    ));
  if (!isThere)
    throw new UsageError("the machine of this run has ended, and was not kept", {
      next: "Ask it while it runs, or keep it: dstate run REPRO --keep",
    });
  const qmp = await Qmp.connect(path, { within: timeouts.machine.sockets, pace: hostPace, signal });
  return {
    qmp,
    pace: hostPace,
    // The socket is in QEMU's own folder, in the machine's.
    layersPath: layersOf({ layersDir }, { path: dirname(dirname(path)) }),
    // Its own process sees its end; here every answer has a deadline.
    exited: new Promise(() => {}),
    [Symbol.dispose]: () => qmp[Symbol.dispose](),
  };
}

/** @see qemuArguments, which writes it. */
function monitorIn(command: readonly string[]): string | undefined {
  for (const word of command) {
    const path = /^socket,id=user-qmp,path=((?:[^,]|,,)+),/.exec(word)?.[1];
    if (path !== undefined) return path.replaceAll(",,", ",");
  }
  return undefined;
}
