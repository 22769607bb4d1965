import type { Writable } from "node:stream";
import { Deadline, served, type Within } from "../base/deadline.ts";
import { type Duration, toMilliseconds } from "../base/duration.ts";
import { DeadlineError, InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, wait } from "../base/wait.ts";
import { MoreTime } from "../process/more-time.ts";
import { type Sample, StallDetector, type StallPolicy, type StallState } from "../process/stall.ts";
import { type ProcessSnapshot, parseSample, samplerScript } from "../process/threads.ts";
import { type KillVerdict, verdictOf } from "./kill-verdict.ts";
import { BoundedOutput } from "./output.ts";
import type { CommandPlace } from "./shell.ts";
import type { CommandExit, SshCommand } from "./ssh.ts";
import { inspectStuck } from "./stuck.ts";
import type { WayIn } from "./way-in.ts";

/** How a job's first process ended, as ssh tells. */
export type ProcessExit = CommandExit;

/** Why a wait for a job ended. `after` is in milliseconds since the job was started. */
export type WaitOutcome =
  | { readonly type: "exit"; readonly exit: ProcessExit; readonly after: number }
  | {
      readonly type: "stall";
      readonly processes: readonly ProcessSnapshot[];
      /** Milliseconds of the guest's time. */
      readonly quietFor: number;
      readonly after: number;
    }
  | {
      readonly type: "deadline";
      readonly processes: readonly ProcessSnapshot[];
      readonly after: number;
      /** What it was still seen to do, such as `CPU time`; undefined: nothing. It is slow, and not stalled. */
      readonly working: string | undefined;
    };

export interface StallOptions {
  /** In time that the host gave: a busy host makes no job late, up to ten times this by the clock. */
  readonly deadline: Duration;
  /** Count the deadline by the clock instead. */
  readonly byTheClock?: boolean | undefined;
  /**
   * How many of its own steps, such as rounds, the job has done. With it, a job that still advances at its deadline
   * gets more time: see {@link MoreTime}, up to four times the deadline.
   */
  readonly progress?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long nothing may happen before the job counts as stalled, in time that the host gave. Default 8 s. */
  readonly quiet?: Duration | undefined;
  readonly policy?: Partial<StallPolicy> | undefined;
  /** Time between looks. Default 2 s: a look takes the guest up to a tenth of that. */
  readonly every?: Duration | undefined;
  /** Told after each look why the job counts as alive or how long it has been quiet. */
  readonly onLook?: ((state: StallState) => void) | undefined;
}

/** How a job is started. */
export interface SpawnOptions extends CommandPlace {
  readonly signal?: AbortSignal | undefined;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: ((stream: "stdout" | "stderr", text: string) => void) | undefined;
  /** Called with the same as bytes. */
  readonly onBytes?: ((stream: "stdout" | "stderr", bytes: Buffer) => void) | undefined;
}

/** A job in the guest: a command and the processes it started. */
export class GuestProcess {
  readonly pid: number;
  /** What the first process reads; it stays open until it is ended or the job is over. */
  readonly stdin: Writable;
  readonly stdout = new BoundedOutput();
  readonly stderr = new BoundedOutput();
  /** Resolves when the first process has ended and its output is read; with a process in D it never does. */
  readonly exited: Promise<ProcessExit>;
  readonly #guest: WayIn;
  readonly #startedAt = performance.now();

  private constructor(guest: WayIn, pid: number, stdin: Writable, exited: Promise<ProcessExit>) {
    this.#guest = guest;
    this.pid = pid;
    this.stdin = stdin;
    this.exited = exited;
  }

  /**
   * Take over a channel whose command prints its pid on its first line.
   *
   * @internal
   */
  static async adopt(
    guest: WayIn,
    command: SshCommand,
    options: Pick<SpawnOptions, "onOutput" | "onBytes"> & { readonly signal: AbortSignal },
  ): Promise<GuestProcess> {
    const { channel } = command;
    const started = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<ProcessExit>();
    let head: Buffer | undefined = Buffer.alloc(0);
    let job: GuestProcess | undefined;
    const stderrBefore: Buffer[] = [];
    const tell = (stream: "stdout" | "stderr", chunk: Buffer): void => {
      options.onBytes?.(stream, chunk);
      const text = job?.[stream].add(chunk);
      if (!text || !job) return;
      guest.watch?.({ type: "output", pid: job.pid, stream, text });
      options.onOutput?.(stream, text);
    };
    channel.on("data", (chunk: Buffer) => {
      if (!head) return tell("stdout", chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(10);
      if (end < 0) return;
      const pid = Number(head.subarray(0, end).toString());
      const rest = head.subarray(end + 1);
      head = undefined;
      if (!Number.isSafeInteger(pid) || pid <= 1)
        return started.reject(new InfraError("the guest's shell did not tell its pid"));
      job = new GuestProcess(guest, pid, channel, ended.promise);
      for (const early of stderrBefore) tell("stderr", early);
      if (rest.length > 0) tell("stdout", rest);
      started.resolve(pid);
    });
    channel.stderr.on("data", (chunk: Buffer) => (job ? tell("stderr", chunk) : stderrBefore.push(chunk)));
    channel.on("close", () => {
      const exit = command.exit ?? { exitCode: null, signal: null };
      if (job) guest.watch?.({ type: "job-end", pid: job.pid, exit: exit.signal ?? exit.exitCode });
      ended.resolve(exit);
      started.reject(new InfraError("the guest closed the channel before the command started"));
    });
    started.promise.catch(() => {});
    options.signal.addEventListener("abort", () => started.reject(options.signal.reason), { once: true });
    await started.promise;
    if (!job) throw new InfraError("the guest's shell did not tell its pid");
    return job;
  }

  /** Milliseconds since it was started. */
  get age(): number {
    return performance.now() - this.#startedAt;
  }

  /**
   * Every process of the job with its threads: state, comm, wchan, syscall and kernel stack of each. Nothing
   * that is read here waits for the process itself, so it also answers when the job is in D.
   *
   * @throws {DeadlineError} after `within` (10 s).
   */
  async processes(
    options: { within?: Within | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<ProcessSnapshot[]> {
    return (await this.#sample(options)).processes;
  }

  /**
   * Wait until the job ends, stalls, or the deadline comes. A slow job is not a stalled one: see
   * {@link StallDetector}. Reaching the deadline is an outcome here, not an error.
   */
  async untilExitOrStall(options: StallOptions): Promise<WaitOutcome> {
    const { signal, onLook } = options;
    const { machine } = this.#guest;
    const deadline = new Deadline(
      options.byTheClock ? options.deadline : served(options.deadline),
      machine.pace,
    );
    const more = new MoreTime(toMilliseconds(options.deadline));
    const lost = machine.pace.count();
    const detector = new StallDetector({
      ...(options.quiet === undefined ? {} : { quiet: toMilliseconds(options.quiet) }),
      ...options.policy,
    });
    const exited = this.exited.then((exit) => ({ type: "exit" as const, exit }));
    const every = toMilliseconds(options.every ?? "2s");
    let printed = -1;
    for (;;) {
      const rest = deadline.left;
      const next = await machine.race(
        "the job",
        { within: timeouts.guest.patientLook, signal },
        async (inner) =>
          await Promise.race([exited, pause(rest > 0 ? Math.min(every, Math.max(rest, 50)) : every, inner)]),
      );
      if (next) return { ...next, after: this.age };
      const given = deadline.elapsed - lost();
      more.observe(given, options.progress?.() ?? 0);
      const isOver = deadline.left === 0 && !more.isGranted(given);
      const output = this.stdout.bytes + this.stderr.bytes;
      if (output !== printed && !isOver) {
        // It lives: looking closer would only take time from it.
        printed = output;
        onLook?.({ type: "progress", because: "output" });
        continue;
      }
      const sample = await this.#sample({ within: timeouts.guest.patientLook, signal });
      const { processes } = sample;
      // On the guest's clock, less what others took from the machine meanwhile.
      const state = detector.observe({ at: sample.at - lost(), output, processes });
      onLook?.(state);
      if (isOver) {
        const working = state.type === "progress" ? state.because : undefined;
        return { type: "deadline", processes, after: this.age, working };
      }
      // Sampled while it was ending: its exit is on its way over ssh.
      if (processes.length === 0) continue;
      if (state.type === "stalled") {
        this.#guest.watch?.({ type: "stall", pid: this.pid, quietFor: state.for });
        return { type: "stall", processes, quietFor: state.for, after: this.age };
      }
    }
  }

  /**
   * Send a signal to every process of the job, and do not wait for what becomes of it.
   *
   * @example await job.send("SIGSTOP");
   */
  async send(
    signal: NodeJS.Signals,
    options: { within?: Within | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { processes } = await this.#sample({
      within: options.within ?? timeouts.guest.look,
      signal: options.signal,
    });
    await this.#send(signal, processes, options.signal);
  }

  async #send(
    signal: NodeJS.Signals,
    processes: readonly ProcessSnapshot[],
    abort: AbortSignal | undefined,
  ): Promise<void> {
    if (processes.length === 0) return;
    this.#guest.watch?.({ type: "signal", pid: this.pid, signal });
    const pids = processes.map(({ pid }) => `${pid}`);
    await this.#guest.quick(["kill", "-s", signal.replace(/^SIG/, ""), ...pids], {
      within: timeouts.guest.quick,
      signal: abort,
      allowFailure: true,
      unwatched: true,
    });
  }

  /**
   * Send a signal to every process of the job and see what becomes of it. The verdict `D` is given only when
   * the same threads are in one and the same uninterruptible sleep at every look until the deadline; then it also
   * tells the processes' io_uring rings and where their threads came from in user space.
   *
   * @param options.within is time that the host gave the machine: five seconds in which it could have died.
   * @example const after = await job.kill("SIGKILL", { within: "5s" }); after.state // "reaped" | "zombie" | "D" | "running"
   */
  async kill(
    signal: NodeJS.Signals,
    options: { within: Within; signal?: AbortSignal | undefined },
  ): Promise<KillVerdict> {
    const before = await this.#sample({ within: timeouts.guest.look, signal: options.signal });
    await this.#send(signal, before.processes, options.signal);
    const deadline = new Deadline(served(options.within), this.#guest.machine.pace);
    const looks: ProcessSnapshot[][] = [];
    for (;;) {
      looks.push((await this.#sample({ within: timeouts.guest.look, signal: options.signal })).processes);
      const verdict = verdictOf(looks, { signal, after: deadline.elapsed });
      const over = verdict.state === "reaped" || (deadline.left === 0 && looks.length >= 2);
      if (over) this.#guest.watch?.({ type: "signal-verdict", pid: this.pid, state: verdict.state });
      if (verdict.state === "reaped") {
        // The channel closes once the output is drained; not worth an error when it takes its time.
        await wait("the job's channel to close", this.exited, {
          within: timeouts.guest.channel,
          signal: options.signal,
        }).catch((error: unknown) => {
          if (!(error instanceof DeadlineError)) throw error;
        });
        return verdict;
      }
      // Two looks at least, however short the time is.
      if (over) return await this.#withDetails(verdict, options.signal);
      await pause(Math.min(250, Math.max(deadline.left, 50)), options.signal);
    }
  }

  /** Evidence, and no part of the verdict: a guest that does not tell leaves it out. */
  async #withDetails(verdict: KillVerdict, signal: AbortSignal | undefined): Promise<KillVerdict> {
    if (verdict.state !== "D") return verdict;
    const pids = [...new Set(verdict.threads.map((thread) => thread.pid))];
    try {
      return {
        ...verdict,
        processes: await inspectStuck(this.#guest, pids, { within: timeouts.guest.details, signal }),
      };
    } catch {
      signal?.throwIfAborted();
      return verdict;
    }
  }

  async #sample(options: {
    within?: Within | undefined;
    signal?: AbortSignal | undefined;
  }): Promise<Omit<Sample, "output" | "processes"> & { processes: ProcessSnapshot[] }> {
    const { stdout } = await this.#guest.quick(
      ["sh", "-c", `read -r up rest < /proc/uptime; echo "$up"\n${samplerScript}`, "sh", `${this.pid}`],
      {
        within: options.within ?? timeouts.guest.look,
        signal: options.signal,
        unwatched: true,
      },
    );
    const processes = parseSample(stdout);
    if (!processes) throw new InfraError("the guest's list of threads is incomplete");
    const at = Number.parseFloat(stdout) * 1000;
    this.#guest.watch?.({ type: "look", pid: this.pid, at, processes });
    return { at, processes };
  }
}
