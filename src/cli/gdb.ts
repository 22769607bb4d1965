import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import { debugImageFor, type RunningKernel } from "../why/debug-image.ts";
import type { Session } from "./session.ts";

/**
 * The image that gdb is given for a kernel: with source lines where there is debug information, else with symbols.
 * That there are no lines is told.
 */
export async function imageForGdb(
  kernel: RunningKernel & { readonly boot: string },
  session: Session,
  context: Context,
): Promise<string> {
  try {
    return (await debugImageFor(kernel, {}, context)).vmlinux;
  } catch (error) {
    context.signal.throwIfAborted();
    session.say(`no source lines: ${messageOf(error)}`);
    return kernel.vmlinux ?? kernel.boot;
  }
}

/**
 * The line with which a person comes to a machine's gdb server. It brings a command of ours, `stuck`, which shows the
 * stacks of the tasks in D: gdb itself knows only the machine's processors.
 */
export function gdbLine(
  image: string,
  socket: string,
  { settings }: Pick<Context, "settings">,
  commands: readonly string[] = [],
): string {
  const words = [`target remote ${socket}`, ...commands].map((each) => `-ex '${each}'`);
  const stuck = join(settings.homeDir, "gdb", "stuck.py");
  return ["gdb", "-x", quoteForShell(stuck), ...words, quoteForShell(image)].join(" ");
}

/** A path in a line that a person copies. */
function quoteForShell(path: string): string {
  return /^[\w./+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
