import { format } from "node:util";
import type { Context } from "../base/context.ts";
import { traceTo } from "../base/debug.ts";
import type { Duration } from "../base/duration.ts";
import {
  DeadlineError,
  DstateError,
  exitCode,
  InterruptedError,
  messageOf,
  UsageError,
} from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { readSettings } from "../base/settings.ts";
import { forTerminal, sanitize } from "../base/text.ts";
import { wait } from "../base/wait.ts";
import { reap } from "../machine/run-directory.ts";
import type { DocumentBody, DocumentName, ErrorBody } from "../report/documents/documents.ts";
import type { ProgressView, Room } from "../report/progress.ts";
import { AuthorError } from "../repro/author-error.ts";
import { describeProblem } from "../repro/problem.ts";

/** How much a user wants to read beside results. */
export interface Wishes {
  /** Nothing. */
  readonly quiet?: boolean | undefined;
  /** Every command on the host and in guests, too. */
  readonly verbose?: boolean | undefined;
  /** Give what is made here to the user's registry. */
  readonly push?: boolean | undefined;
}

/** One run of the command line: its signals, its progress on standard error, its result on standard output. */
export interface Session extends Disposable {
  /** The context for a command's work. Removes first what killed runs left behind. */
  context(options?: { quiet?: boolean | undefined }): Promise<Context>;
  /** Columns of the terminal. */
  readonly width: number;
  /** Colours may be used in what is printed. */
  readonly colour: boolean;
  /** What the user wants to read; before {@link context}. */
  wish(wishes: Wishes): void;
  /** Keep a text above the progress on a terminal, such as a table that fills. */
  board(render: (room: Room) => string): void;
  /** Print on standard output. */
  print(text: string): void;
  /** Print a command's result: for people, or with `--json` as its document. */
  result<Name extends DocumentName>(name: Name, body: DocumentBody<Name>, as: ResultOptions): void;
  /** The command was asked for its document: when it fails, the error becomes one. */
  expectDocument(command: string): Promise<void>;
  /** Tell something beside the result, on standard error. */
  say(text: string): void;
  /**
   * Ask whoever sits at the terminal for one key.
   *
   * @returns it, in lower case; undefined when nobody answers in time.
   */
  ask(question: string, options: { within: Duration; signal: AbortSignal }): Promise<string | undefined>;
  /** Tell of an error on standard error; returns the exit code for it. */
  report(error: unknown): number;
}

/** How a result is printed. */
export interface ResultOptions {
  readonly json: boolean | undefined;
  /** The result for people. */
  readonly text: () => string;
}

/** Open a session: Ctrl-C or SIGTERM once ends orderly, a second one at once. */
export function openSession(): Session {
  const interrupt = new AbortController();
  /** The documents, once one is asked for, and the words of the command whose document is still to come. */
  let documents: typeof import("../report/documents/documents.ts") | undefined;
  let documentOf: string | undefined;
  let view: ProgressView | undefined;
  let wishes: Wishes = {};
  /** Everything goes through the view: it has to know what stands on the terminal. */
  const write = (stream: NodeJS.WriteStream, text: string): void => {
    const line = (): void => void stream.write(`${forTerminal(text)}\n`);
    if (view) view.around(line);
    else line();
  };
  const say = (text: string): void => write(process.stderr, text);
  const close = (): void => {
    view?.[Symbol.dispose]();
    view = undefined;
  };
  const stop = (name: string): void => {
    if (interrupt.signal.aborted) {
      // A terminal's end may be told twice, by the kernel and by the shell: nobody is impatient.
      if (name === "SIGINT" || name === "SIGTERM") process.exit(exitCode.interrupted);
      return;
    }
    say(`\n${name}: ending orderly; once more ends at once`);
    interrupt.abort(new InterruptedError(`interrupted by ${name}`));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop(name));
  // The starter below an older Node: when it is gone, so is whoever waits for us.
  if (process.send) process.on("disconnect", () => stop("the starter's end"));
  process.setMaxListeners(0);
  // A repro's own words, such as a forgotten console.log: no part of the result, and nothing that a guest said in
  // them may reach the terminal as it is.
  for (const name of ["log", "info", "debug", "warn", "error"] as const)
    console[name] = (...values: unknown[]) => say(sanitize(format(...values), { maxLength: 100_000 }));
  // Whoever reads our output, such as `head`, may have seen enough: that is no error of anybody's.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // The terminal is gone, which a signal tells as well.
    if (error.code === "EIO") return;
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  // Whoever followed the progress is gone, or its disk is full: the work goes on.
  process.stderr.on("error", () => {});
  return {
    width: process.stdout.columns ?? 120,
    get colour() {
      return process.stdout.isTTY === true && readSettings().colour;
    },
    wish: (told) => {
      wishes = told;
    },
    board: (render) => view?.board(render),
    context: async (options = {}) => {
      const own = readSettings();
      if (wishes.push === true && own.cacheRegistry === undefined)
        throw new UsageError("--push gives to a registry, and none is named", {
          next: "Set DSTATE_CACHE_REGISTRY=oci://HOST/NAME.",
        });
      const settings = { ...own, cachePush: own.cachePush || wishes.push === true };
      if (settings.debug || wishes.verbose === true) traceTo(say);
      close();
      const { signal } = interrupt;
      view =
        options.quiet === true
          ? undefined
          : (await import("../report/progress.ts")).viewProgress(process.stderr, {
              quiet: wishes.quiet,
              plain: !settings.movingLines,
              signal,
            });
      const { progress } = view ?? { progress: wishes.quiet === true ? () => {} : sayWhatIsSlow(say) };
      // Who only looks has no use for the room, and is not told of others' runs.
      const reaped = options.quiet === true ? 0 : await reap(settings.runtimeDir);
      if (reaped > 0) progress({ type: "note", text: `removed what ${reaped} earlier run(s) left behind` });
      return { settings, progress, signal };
    },
    print: (text) => write(process.stdout, text),
    result: (name, body, { json, text }) => {
      if (json === true && documents === undefined) throw new Error("a document that nobody expected");
      write(process.stdout, json === true && documents ? documents.documentText(name, body) : text());
      // One document on standard output, and no second one.
      documentOf = undefined;
    },
    expectDocument: async (command) => {
      documentOf = command;
      documents = await import("../report/documents/documents.ts");
    },
    say,
    ask: async (question, { within, signal }) => {
      say(question);
      const { stdin } = process;
      const answered = Promise.withResolvers<string>();
      const onKey = (key: Buffer): void => answered.resolve(key.toString());
      stdin.setRawMode(true);
      stdin.once("data", onKey);
      stdin.resume();
      try {
        const key = await wait("an answer", answered.promise, { within, signal });
        // In raw mode the terminal makes no signal of it.
        if (key === "\u0003") stop("SIGINT");
        return key.toLowerCase();
      } catch (error) {
        if (error instanceof DeadlineError) return undefined;
        throw error;
      } finally {
        stdin.removeListener("data", onKey);
        stdin.setRawMode(false);
        stdin.pause();
      }
    },
    report: (error) => {
      close();
      const own = error instanceof DstateError;
      say(`dstate: ${sanitize(messageOf(error), { maxLength: 4000 })}`);
      if (error instanceof AuthorError) for (const frame of error.problem.stack) say(`    at ${frame}`);
      if (own && error.next !== undefined) say(`  ${error.next}`);
      if (own && error.evidence !== undefined) say(`  evidence: ${error.evidence}`);
      // A mistake in dstate itself: its place is what a maintainer needs.
      if (!own && error instanceof Error && error.stack) say(error.stack.split("\n").slice(1, 8).join("\n"));
      const code = own ? error.exitCode : exitCode.infraError;
      if (documents && documentOf !== undefined)
        write(process.stdout, documents.errorText(documentOf, describeError(error, code)));
      return code;
    },
    [Symbol.dispose]: close,
  };
}

/** For commands that are over at once: a word about what takes longer than that after all. */
function sayWhatIsSlow(say: (text: string) => void): Progress {
  let slow: Promise<Progress> | undefined;
  return (event) => {
    slow ??= import("../base/slow-progress.ts").then(({ slowProgress }) => slowProgress(say));
    void slow.then((progress) => progress(event));
  };
}

function describeError(error: unknown, code: number): ErrorBody {
  const own = error instanceof DstateError ? error : undefined;
  return {
    exitCode: code,
    error: {
      type: error instanceof Error ? error.name : typeof error,
      message: sanitize(messageOf(error), { maxLength: 4000 }),
      next: own?.next,
      evidence: own?.evidence,
      problem: error instanceof AuthorError ? error.problem : own ? undefined : describeProblem(error),
    },
  };
}
