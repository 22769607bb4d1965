import { EventEmitter } from "node:events";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { type Options, ProcessOutput, ProcessPromise, quote, type Shell, $ as zx } from "zx/core";
import type { Within } from "../base/deadline.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import type { Guest } from "./guest.ts";
import type { GuestProcess } from "./process.ts";
import { verboseLog } from "./zx-verbose.ts";

/** A command that zx runs in a guest: all that zx makes of one, and the job it is there. */
export type GuestCommand = ProcessPromise & {
  /** The job in the guest, once it has started: its threads, its stall, the verdict on a signal. */
  readonly job: Promise<GuestProcess>;
};

/** zx's options that mean something in a guest, and dstate's deadline. */
export interface GuestShellOptions
  extends Partial<
    Pick<
      Options,
      | "cwd"
      | "env"
      | "input"
      | "signal"
      | "timeout"
      | "timeoutSignal"
      | "killSignal"
      | "nothrow"
      | "quiet"
      | "verbose"
      | "prefix"
      | "postfix"
      | "quote"
      | "delimiter"
      | "halt"
    >
  > {
  /** How long a command may take before the wait for it ends, whatever state it is in. Default 60 s. */
  readonly within?: Within | undefined;
}

/**
 * zx's `$`, in a guest: its quoting, its arrays, its pipes, its result. Every wait has a deadline and ends with the
 * machine, so a command in D holds nothing up.
 *
 * @see https://google.github.io/zx/api
 * @example await vm.$`npm ci --offline`
 * @example await vm.$({ nothrow: true, within: "2m", cwd: "/srv/work" })`node ${files}`
 */
export interface GuestShell {
  (pieces: TemplateStringsArray, ...args: unknown[]): GuestCommand;
  (options: GuestShellOptions): GuestShell;
}

/** Nothing of the host's own shell, folder or environment reaches a guest. */
const fixed = {
  // The guest's; zx only asks whether there is one.
  shell: "/bin/bash",
  prefix: "set -euo pipefail;",
  postfix: "",
  quote,
  env: {},
  detached: false,
  preferLocal: false,
  sync: false,
} satisfies Partial<Options>;

/** A promise is known by this method. */
const settles = "then";

/** More of a stream than this is not held in this process' memory. */
const mostBytes = 64 * 1024 ** 2;

/**
 * A shell for a guest's commands.
 *
 * @param place where commands run and with which environment, where they do not say.
 * @example const $ = guestShell(guest, { cwd: "/srv/work" }); const { stdout } = await $`node -p 1+1`;
 */
export function guestShell(
  guest: Guest,
  place: {
    readonly cwd: string;
    readonly env?: Readonly<Record<string, string>> | undefined;
    /** Shown what a command that is asked to be verbose is and prints, in harmless lines. Default: standard error. */
    readonly show?: ((text: string) => void) | undefined;
  },
): GuestShell {
  const make = (options: GuestShellOptions): GuestShell => {
    function shell(pieces: TemplateStringsArray, ...args: unknown[]): GuestCommand;
    function shell(more: GuestShellOptions): GuestShell;
    function shell(
      first: TemplateStringsArray | GuestShellOptions,
      ...args: unknown[]
    ): GuestCommand | GuestShell {
      if (!isTemplate(first)) return make({ ...options, ...first });
      const { within, ...rest } = options;
      const job = Promise.withResolvers<GuestProcess>();
      job.promise.catch(() => {});
      const asked = {
        ...fixed,
        cwd: place.cwd,
        log: verboseLog(place.show ?? ((text) => void process.stderr.write(`${text}\n`))),
        ...rest,
        env: { ...place.env, ...rest.env },
        spawn: spawnIn(guest, { within: within ?? timeouts.guest.exec, job }),
      };
      const promise = shellOf(asked)(first, ...args);
      return adapt(promise, { job: job.promise, shell: make(options), place: callerOf(shell) });
    }
    return shell;
  };
  return make({});
}

function isTemplate(value: TemplateStringsArray | GuestShellOptions): value is TemplateStringsArray {
  return Array.isArray(value) && "raw" in value;
}

const shellOf = (options: Partial<Options>): Shell => zx(options);

/** As much of Node's ChildProcess as zx uses, with a job of the guest behind it. */
class GuestChild extends EventEmitter {
  /** Not a number of this host: zx must have nothing to send a signal to. */
  readonly pid = undefined;
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  /** Why there is no result: a deadline, a crash of the guest, the machine's end. */
  failure: unknown;

  async close(how: { exitCode: number | null; signal: string | null }): Promise<void> {
    this.emit("exit", how.exitCode, how.signal);
    // Like a process of the host: closed when all that it printed was read.
    const drained = [this.stdout, this.stderr].map(async (stream: Readable) => await finished(stream));
    this.stdout.end();
    this.stderr.end();
    await Promise.allSettled(drained);
    this.emit("close", how.exitCode, how.signal);
  }
}

function spawnIn(
  guest: Guest,
  run: { readonly within: Within; readonly job: PromiseWithResolvers<GuestProcess> },
): Options["spawn"] {
  const spawn = (text: string, _args: unknown, options: SpawnedOptions): GuestChild => {
    const child = new GuestChild();
    void follow(child, guest, text, { ...options, ...run });
    return child;
  };
  // zx asks for Node's own signature and uses what GuestChild has of it.
  return spawn as unknown as Options["spawn"];
}

interface SpawnedOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

async function follow(
  child: GuestChild,
  guest: Guest,
  text: string,
  run: SpawnedOptions & { readonly within: Within; readonly job: PromiseWithResolvers<GuestProcess> },
): Promise<void> {
  try {
    const what = `"${text.replace(fixed.prefix, "").slice(0, 80)}" in the guest`;
    const how = await guest.machine.race(what, { within: run.within, signal: run.signal }, async (signal) => {
      const flood = Promise.withResolvers<never>();
      const seen = { stdout: 0, stderr: 0 };
      const job = await guest.spawn(["bash", "-c", text], {
        cwd: run.cwd,
        env: definedOnly(run.env),
        signal,
        onBytes: (stream, bytes) => {
          seen[stream] += bytes.length;
          if (seen[stream] > mostBytes) flood.reject(tooMuch(what));
          else child[stream].write(bytes);
        },
      });
      run.job.resolve(job);
      child.stdin.pipe(job.stdin);
      try {
        return await Promise.race([job.exited, flood.promise]);
      } finally {
        child.stdin.unpipe(job.stdin);
        // Interrupted or late: the way to it is closed, whatever state it is in.
        job.stdin.destroy();
      }
    });
    await child.close(how);
  } catch (error) {
    run.job.reject(error);
    child.failure = error;
    child.emit("error", error);
    await child.close({ exitCode: null, signal: null });
  }
}

/** The line of the user's that called: zx itself would name this file. */
function callerOf(called: (...args: never[]) => unknown): string {
  const at: { stack?: string } = {};
  Error.captureStackTrace(at, called);
  return /^\s*at (.+)$/m.exec(at.stack ?? "")?.[1] ?? "unknown";
}

/** The same failure, told from where the command stands. */
function calledFrom(output: ProcessOutput, from: string): ProcessOutput {
  const { exitCode: code, signal, duration, cause: error, stdout, stderr, stdall } = output;
  const store = { stdout: [stdout], stderr: [stderr], stdall: [stdall] };
  return new ProcessOutput({ code, signal, duration, error, from, store });
}

function tooMuch(what: string): InfraError {
  return new InfraError(`${what} printed more than ${mostBytes / 1024 ** 2} MiB`, {
    next: "Let it write to a file in the guest, or use `vm.guest.spawn` with `onOutput`.",
  });
}

function definedOnly(env: NodeJS.ProcessEnv | undefined): Record<string, string> {
  const entries = Object.entries(env ?? {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/**
 * Have zx's promise send its signals to the guest, pipe into the guest, and fail with dstate's own error where it
 * was no command that failed.
 */
function adapt(
  promise: ProcessPromise,
  { job, shell, place }: { job: Promise<GuestProcess>; shell: GuestShell; place: string },
): GuestCommand {
  const failure = (): unknown => (promise.child as unknown as GuestChild | undefined)?.failure;
  const { pipe } = promise;
  const then = promise.then.bind(promise);
  const intoGuest = Object.assign((...args: Parameters<typeof pipeInto>) => pipe(pipeInto(...args)), {
    stdout: pipe.stdout,
    stderr: pipe.stderr,
    stdall: pipe.stdall,
  });
  const settle: typeof promise.then = (done, failed) =>
    then(
      (output) => {
        const own = failure();
        if (own !== undefined) throw own;
        return output;
      },
      (reason: unknown) => {
        const own = failure();
        throw own ?? (reason instanceof ProcessOutput ? calledFrom(reason, place) : reason);
      },
    ).then(done, failed);
  // zx has some of these as accessors of its class.
  const own = {
    job: {
      get: () => {
        // Whoever asks for the job hears of a failure from it.
        void then(undefined, () => {});
        return job;
      },
    },
    kill: { value: async (signal?: NodeJS.Signals | null) => await (await job).send(signal ?? "SIGTERM") },
    pipe: { value: intoGuest },
    // What is awaited, `text()` and the like go through here, `nothrow` or not: a machine that is gone is no result.
    [settles]: { value: settle },
  };
  return Object.defineProperties(promise, own) as GuestCommand;

  /** `a.pipe`grep b`` runs in the guest as well; zx itself would run it on the host. */
  function pipeInto(
    first: TemplateStringsArray | string | Writable | ProcessPromise,
    ...args: unknown[]
  ): ProcessPromise {
    if (typeof first === "object" && Array.isArray(first))
      return shell({ halt: true })(first as unknown as TemplateStringsArray, ...args);
    if (first instanceof ProcessPromise) return first;
    throw new UsageError("a command of a guest is piped into another one: vm.$`a`.pipe`b`", {
      next: "To have its output on the host, await it: (await vm.$`a`).stdout.",
    });
  }
}
