import { readFile } from "node:fs/promises";
import { InvalidArgumentError } from "commander";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { readPlaces, type SymbolPlace } from "../decode/symbols.ts";
import { parseKernelLog } from "../kernel-log/kernel-log.ts";
import { trigger } from "../kernel-log/triggers.ts";
import type { Machine } from "../machine/machine.ts";
import type { ReplayGoal } from "../machine/replay.ts";
import { debugImageFor, type RunningKernel } from "../why/debug-image.ts";

/** Where somebody wants a replay to stop. */
export type Until =
  | { readonly type: "finding" | "sysrq" }
  | { readonly type: "instruction"; readonly instruction: number }
  | { readonly type: "function"; readonly name: string };

/** For commander. @example parseUntil("io_uring_del_tctx_node") // { type: "function", name: ... } */
export function parseUntil(text: string): Until {
  if (text === "finding" || text === "sysrq") return { type: text };
  if (/^\d{1,15}$/.test(text)) return { type: "instruction", instruction: Number(text) };
  // The compiler adds to a name: __do_sys_exit.constprop.0
  if (/^[A-Za-z_][\w.]{0,200}$/.test(text)) return { type: "function", name: text };
  throw new InvalidArgumentError(
    "expected `finding`, `sysrq`, the name of a kernel function, or the number of an instruction.",
  );
}

/** A kernel that was recorded. */
type RecordedKernel = RunningKernel & { readonly boot: string; readonly config?: string | undefined };

/** A kernel's symbols, as they are in its memory. */
export type Places = ReadonlyMap<string, readonly SymbolPlace[]>;

/**
 * The symbols of a kernel: its own image has them, or one that is kept for debuggers.
 *
 * @throws {UsageError} when none has, and they are needed.
 */
export async function placesFor(until: Until, kernel: RecordedKernel, context: Context): Promise<Places> {
  try {
    return await readPlaces(kernel.vmlinux ?? kernel.boot, context);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  try {
    return await readPlaces((await debugImageFor(kernel, {}, context)).vmlinux, context);
  } catch (error) {
    if (!(error instanceof UsageError) || until.type === "function") throw error;
    return new Map();
  }
}

/**
 * What a replay is told of it.
 *
 * @throws {UsageError} for a function that the kernel does not have, with those whose names are like it.
 */
export function goalOf(until: Until, places: Places = new Map()): ReplayGoal {
  switch (until.type) {
    case "finding":
      return { type: "line", isWanted: firstFinding() };
    case "sysrq":
      return { type: "line", isWanted: (line) => /sysrq ?: /i.test(line) };
    case "instruction":
      return until;
    case "function": {
      const found = (places.get(until.name) ?? []).filter(({ isFunction }) => isFunction);
      if (found.length > 0) return { type: "address", addresses: found.map(({ address }) => address) };
      const alike = [...places]
        .filter(([name, [place]]) => place?.isFunction === true && name.includes(until.name))
        .map(([name]) => name);
      throw new UsageError(`this kernel has no function ${until.name}`, {
        next:
          alike.length > 0
            ? `It has ${alike.slice(0, 5).join(", ")}.`
            : "One that the compiler put into others has no place of its own: name one that calls it.",
      });
    }
  }
}

/** A report that is open when it is found began in as many characters before. */
const longestReport = 64 * 1024;

/** Whether a line is the first that makes a finding, with all that came before. */
function firstFinding(): (line: string) => boolean {
  let log = "";
  return (line) => {
    log = `${log}${line}\n`.slice(-longestReport);
    // Few lines of a log have words of any report: what is read again for each is little.
    return trigger.test(line) && parseKernelLog(log).length > 0;
  };
}

/**
 * The guest's time where a replay stopped, in seconds since its boot: as the line says that it stopped at, else by the
 * kernel's ticks.
 *
 * @returns undefined where neither is known.
 */
export async function guestSeconds(
  { line }: { readonly line?: string },
  of: {
    readonly machine: Pick<Machine, "qmp">;
    readonly kernel: RecordedKernel;
    readonly places: Places | undefined;
  },
  { signal }: Pick<Context, "signal">,
): Promise<number | undefined> {
  if (line !== undefined) {
    const stamp = /^(?:<\d+>)?\[ *(\d{1,8}\.\d{1,9})\]/.exec(line)?.[1];
    return stamp === undefined ? undefined : Number(stamp);
  }
  const address = of.places?.get("jiffies_64")?.[0]?.address;
  const config = of.kernel.config && (await readFile(of.kernel.config, "utf8").catch(() => ""));
  const hertz = /^CONFIG_HZ=(\d{1,5})$/m.exec(config ?? "")?.[1];
  if (address === undefined || hertz === undefined) return undefined;
  // Where the processor is in a program, the kernel's memory may not be mapped.
  const said = await of.machine.qmp.human(`x /1gx 0x${address.toString(16)}`, { signal });
  const ticks = /: 0x([0-9a-f]{16})/.exec(said)?.[1];
  return ticks === undefined ? undefined : secondsOf(BigInt(`0x${ticks}`), Number(hertz));
}

/**
 * The kernel's ticks as seconds since its boot: they begin five minutes before zero.
 *
 * @see https://github.com/torvalds/linux/blob/master/include/linux/jiffies.h (INITIAL_JIFFIES)
 * @example secondsOf(0xffffb6a8n + 3700n, 250) // 14.8
 */
export function secondsOf(ticks: bigint, hertz: number): number {
  return Number(ticks - (2n ** 32n - 300n * BigInt(hertz))) / hertz;
}
