import { Deadline, lengthOf, served, type Within } from "../base/deadline.ts";
import { DeadlineError } from "../base/errors.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { wait } from "../base/wait.ts";
import { MachineFault } from "../machine/fault.ts";
import type { Guest } from "./guest.ts";
import { readShutdown, type Shutdown } from "./shutdown.ts";

interface Common {
  /** Milliseconds from the request to this verdict. */
  readonly after: number;
  /** What the console said meanwhile. */
  readonly shutdown: Shutdown;
  readonly console: string;
}

/**
 * What a machine did when it was told to power off.
 * - `off`: it powered off.
 * - `stuck`: it still ran at the deadline; `shutdown.waitingFor` has what the system waits for.
 * - `panic`: its kernel panicked instead.
 * - `reset`: it rebooted, or QEMU ended for another reason.
 */
export type PowerOffVerdict = Common &
  (
    | { readonly state: "off" }
    | { readonly state: "stuck" }
    | { readonly state: "panic"; readonly reason: string }
    | { readonly state: "reset"; readonly reason: string }
  );

/**
 * Power a guest off as a person would (`systemctl poweroff`) and judge, from outside, what happens: QEMU's
 * monitor and the console say it, so a wedged guest does not matter.
 *
 * @param options.within is time that the host gave the machine: a busy host makes none stuck.
 *
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (SHUTDOWN)
 * @example (await powerOff(guest, { within: "30s" })).state // "off" | "stuck" | "panic" | "reset"
 */
export async function powerOff(
  guest: Guest,
  options: { within: Within; signal?: AbortSignal | undefined },
): Promise<PowerOffVerdict> {
  guest.watch({ type: "power-off" });
  const verdict = await watchPowerOff(guest, options);
  guest.watch({ type: "power-off-verdict", state: verdict.state });
  return verdict;
}

async function watchPowerOff(
  guest: Guest,
  options: { within: Within; signal?: AbortSignal | undefined },
): Promise<PowerOffVerdict> {
  const { machine } = guest;
  const { init } = guest.system;
  const mark = machine.console.mark;
  const deadline = new Deadline(served(options.within), machine.pace);
  const common = (): Common => {
    const console = machine.console.since(mark);
    return {
      after: deadline.elapsed,
      shutdown: readShutdown(console, init.shutdown),
      console: sanitize(console).slice(-20_000),
    };
  };
  try {
    await guest.quick(init.powerOff, {
      within: timeouts.guest.powerOff,
      signal: options.signal,
      allowFailure: true,
      unwatched: true,
    });
  } catch (error) {
    // The connection may end before the answer does. When ssh is wedged, the power button still works.
    if (!(error instanceof MachineFault)) {
      options.signal?.throwIfAborted();
      await machine.qmp.call("system_powerdown", {}, { signal: options.signal }).catch(() => {});
    }
  }
  for (;;) {
    const left = served(Math.max(0, lengthOf(options.within) - deadline.served));
    try {
      const race = { within: left, signal: options.signal };
      const ended = await machine.race("the machine to power off", race, async () => await machine.exited);
      return judgeExit(ended.reason, common());
    } catch (error) {
      if (error instanceof DeadlineError) return { ...common(), state: "stuck" };
      if (!(error instanceof MachineFault)) throw error;
      // A kernel that only oopsed may still power off: the deadline decides.
      if (error.kind === "oops") continue;
      if (error.kind === "host") throw error;
      if (error.kind === "panic") return { ...common(), state: "panic", reason: sanitize(error.message) };
      const ended = await wait("QEMU's exit", machine.exited, {
        within: timeouts.machine.exit,
        pace: machine.pace,
      });
      return judgeExit(ended.reason, common());
    }
  }
}

function judgeExit(reason: string | undefined, common: Common): PowerOffVerdict {
  if (reason === "guest-shutdown") return { ...common, state: "off" };
  if (common.shutdown.panic !== undefined)
    return { ...common, state: "panic", reason: common.shutdown.panic };
  return { ...common, state: "reset", reason: reason ?? "QEMU ended without saying why" };
}
