import type { Context } from "../base/context.ts";
import { DstateError, exitCode, InterruptedError, messageOf } from "../base/errors.ts";
import { readSettings } from "../base/settings.ts";
import { sanitize } from "../base/text.ts";
import { reap } from "../machine/run-directory.ts";
import { viewProgress } from "../report/progress.ts";

/** One run of the command line: its signals, its progress on standard error, its result on standard output. */
export interface Session extends Disposable {
  /** The context for a command's work. Removes first what killed runs left behind. */
  context(options?: { quiet?: boolean | undefined }): Promise<Context>;
  /** Columns of the terminal. */
  readonly width: number;
  print(text: string): void;
  /** Tell of an error on standard error; returns the exit code for it. */
  report(error: unknown): number;
}

/** Open a session: Ctrl-C or SIGTERM once ends orderly, a second one at once. */
export function openSession(): Session {
  const interrupt = new AbortController();
  const stop = (name: string): void => {
    if (interrupt.signal.aborted) process.exit(exitCode.interrupted);
    process.stderr.write(`\n${name}: ending orderly; once more ends at once\n`);
    interrupt.abort(new InterruptedError(`interrupted by ${name}`));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop(name));
  // The starter below an older Node: when it is gone, so is whoever waits for us.
  if (process.send) process.on("disconnect", () => stop("the starter's end"));
  process.setMaxListeners(0);
  // Whoever reads our output, such as `head`, may have seen enough: that is no error of anybody's.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  const views: Disposable[] = [];
  return {
    width: process.stdout.columns ?? 120,
    context: async (options = {}) => {
      const settings = readSettings();
      const view = viewProgress(process.stderr, { quiet: options.quiet === true });
      views.push(view);
      const reaped = await reap(settings.runtimeDir);
      if (reaped > 0)
        view.progress({ type: "note", text: `removed what ${reaped} earlier run(s) left behind` });
      return { settings, progress: view.progress, signal: interrupt.signal };
    },
    print: (text) => process.stdout.write(`${text}\n`),
    report: (error) => {
      for (const view of views.splice(0)) view[Symbol.dispose]();
      const own = error instanceof DstateError;
      process.stderr.write(`dstate: ${sanitize(messageOf(error), { maxLength: 4000 })}\n`);
      if (own && error.next !== undefined) process.stderr.write(`  ${error.next}\n`);
      if (own && error.evidence !== undefined) process.stderr.write(`  evidence: ${error.evidence}\n`);
      // A mistake in dstate itself: its place is what a maintainer needs.
      if (!own && error instanceof Error && error.stack)
        process.stderr.write(`${error.stack.split("\n").slice(1, 8).join("\n")}\n`);
      return own ? error.exitCode : exitCode.infraError;
    },
    [Symbol.dispose]: () => {
      for (const view of views) view[Symbol.dispose]();
    },
  };
}
