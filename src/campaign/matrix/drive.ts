import { DeadlineError, InfraError, messageOf } from "../../base/errors.ts";
import { expectationFrom } from "../../base/past-durations.ts";
import { expectationText, type Step } from "../../base/progress.ts";
import { type Cell, describeCell } from "../../lab/cell.ts";
import type { Outcome } from "../../repro/outcome.ts";
import { type NextWork, runJobs, together } from "../pool.ts";
import {
  type CellProgress,
  count,
  isOpen,
  type MatrixPlan,
  nextCell,
  noTrials,
  type Tally,
  type Verdict,
  verdictOfCell,
} from "./matrix.ts";

/** A trial that counts for a cell. */
export interface MatrixTrial {
  readonly outcome: Outcome;
  readonly summary: string;
  readonly evidence: string;
  /** Of a run before this one. */
  readonly earlier: boolean;
}

/** What a matrix reads and does. Everything else in it is arithmetic. */
export interface MatrixWorld {
  /** What several cells need may be got at once: it is got on other hosts. Default: one after the other. */
  readonly atOnce?: boolean | undefined;
  /** Whether all that a cell needs is on this machine, as far as can be told without looking. */
  isHere(cell: Cell): boolean;
  /** Trials there were before. */
  earlier(cell: Cell): Promise<readonly Omit<MatrixTrial, "earlier">[]>;
  /** Get what a cell needs. @throws {InfraError} when it cannot be had. */
  provide(cell: Cell): Promise<void>;
  /**
   * Run a trial and record it.
   *
   * @param onlyWaits called when what is left of it is to wait.
   * @throws {InfraError} when the cell cannot be had after all.
   */
  run(cell: Cell, onlyWaits: () => void): Promise<Omit<MatrixTrial, "earlier">>;
}

/** A cell and what its trials come to. */
export interface MatrixRow {
  readonly cell: Cell;
  readonly tally: Tally;
  readonly verdict: Verdict;
  /** Whether more trials could change the verdict: the matrix was stopped before its end. */
  readonly open: boolean;
  readonly trials: readonly MatrixTrial[];
  /** Why the cell could not be tried. */
  readonly problem?: string;
}

export interface DriveMatrixOptions {
  readonly cells: readonly Cell[];
  readonly plan: MatrixPlan;
  /** Trials side by side. */
  readonly jobs: number;
  /** More of them, that only wait. Default: none. */
  readonly spare?: number | undefined;
  /** Aborted when the first work fails; the world listens to it. */
  readonly stop: AbortController;
  readonly step: Pick<Step, "update" | "note">;
  /** Told after every change what is known so far. */
  readonly onChange?: ((rows: readonly MatrixRow[]) => void) | undefined;
}

interface State {
  readonly cell: Cell;
  trials: MatrixTrial[];
  progress: CellProgress;
  problem: string | undefined;
  /** What it comes to, until something changes: its interval costs a millisecond, and all rows are shown after each trial. */
  row: MatrixRow | undefined;
}

/**
 * Run trials of many cells, round robin. What a cell needs is got beside the trials, for one cell after the other,
 * those whose parts are here in a row of their own: a kernel that has to be built holds up nobody else.
 *
 * @throws what a trial or a provision throws, but for an InfraError or a deadline, which end only their own cell.
 */
export async function driveMatrix(
  options: DriveMatrixOptions,
  world: MatrixWorld,
): Promise<readonly MatrixRow[]> {
  const { plan, stop, step } = options;
  const states = options.cells.map(newState);
  const rows = (): MatrixRow[] => states.map((state) => (state.row ??= rowOf(state, plan)));
  const changes = new Changes();
  const times: number[] = [];
  const change = (state: State, wasOpen: boolean): void => {
    state.row = undefined;
    step.update({ detail: `${describeLeft(states, times, options)}${describeAll(states, plan)}` });
    if (wasOpen && !isOpen(state.progress, plan)) step.note(describeDone(rowOf(state, plan)));
    options.onChange?.(rows());
    changes.tell();
  };
  const getReady = async (state: State): Promise<void> => {
    try {
      const earlier = (await world.earlier(state.cell)).filter(saysSomething);
      // The ledger knows more of each.
      state.trials = earlier.map(({ outcome, summary, evidence }) => ({
        outcome,
        summary,
        evidence,
        earlier: true,
      }));
      const tally = earlier.reduce((sum, { outcome }) => count(sum, outcome), noTrials);
      state.progress = { ...state.progress, tally };
      const counted =
        earlier.length === 1 ? "1 earlier trial counts" : `${earlier.length} earlier trials count`;
      if (earlier.length > 0) step.note(`${counted} (--fresh: none): ${describeCell(state.cell)}`);
      if (isOpen(state.progress, plan)) await world.provide(state.cell);
      state.progress = { ...state.progress, state: "ready" };
    } catch (error) {
      giveUp(state, error);
    }
    change(state, state.problem !== undefined);
  };
  let lanes = 2;
  const getAllReady = async (here: boolean): Promise<void> => {
    const lane = states.filter(({ cell }) => world.isHere(cell) === here);
    if (world.atOnce) await Promise.all(lane.map(getReady));
    else for (const state of lane) await getReady(state);
    lanes -= 1;
    changes.tell();
  };
  const runTrial = async (state: State, onlyWaits: () => void): Promise<void> => {
    try {
      const start = performance.now();
      record(state, await world.run(state.cell, onlyWaits));
      times.push(performance.now() - start);
    } catch (error) {
      giveUp(state, error);
    } finally {
      state.progress = { ...state.progress, running: state.progress.running - 1 };
    }
    change(state, true);
  };
  const next: NextWork = async (signal) => {
    for (;;) {
      const number = nextCell(
        states.map((state) => state.progress),
        plan,
      );
      const state = number === undefined ? undefined : states[number];
      if (state) {
        state.progress = { ...state.progress, running: state.progress.running + 1 };
        return async (_stop, onlyWaits) => await runTrial(state, onlyWaits);
      }
      if (lanes === 0 && states.every(({ progress: { running } }) => running === 0)) return undefined;
      await changes.next(signal);
    }
  };
  const jobs = runJobs({ jobs: options.jobs, spare: options.spare ?? 0, signal: stop.signal }, next);
  await together(stop, [getAllReady(true), getAllReady(false), jobs]);
  return rows();
}

function newState(cell: Cell): State {
  return {
    cell,
    trials: [],
    progress: {
      tally: noTrials,
      wasted: { inconclusive: 0, infraErrors: 0 },
      running: 0,
      state: "waiting",
    },
    problem: undefined,
    row: undefined,
  };
}

function saysSomething({ outcome }: { readonly outcome: Outcome }): boolean {
  return outcome === "reproduced" || outcome === "clean";
}

function record(state: State, { outcome, summary, evidence }: Omit<MatrixTrial, "earlier">): void {
  const { wasted, tally } = state.progress;
  state.trials = [...state.trials, { outcome, summary, evidence, earlier: false }];
  state.progress = {
    ...state.progress,
    tally: count(tally, outcome),
    wasted: {
      inconclusive: wasted.inconclusive + (outcome === "inconclusive" ? 1 : 0),
      infraErrors: outcome === "infra-error" ? wasted.infraErrors + 1 : 0,
    },
  };
}

/** What cannot be fetched or built is this cell's trouble alone; all else is everybody's. */
function giveUp(state: State, error: unknown): void {
  if (!(error instanceof InfraError || error instanceof DeadlineError)) throw error;
  state.problem = messageOf(error);
  state.progress = { ...state.progress, state: "cannot-be-had" };
}

function rowOf(state: State, plan: MatrixPlan): MatrixRow {
  const { cell, trials, problem } = state;
  const { tally } = state.progress;
  return {
    cell,
    tally,
    verdict: verdictOfCell(tally, problem, plan),
    open: isOpen(state.progress, plan),
    trials,
    ...(problem === undefined ? {} : { problem }),
  };
}

function describeAll(states: readonly State[], plan: MatrixPlan): string {
  const sum = (value: (state: State) => number): number =>
    states.reduce((total, state) => total + value(state), 0);
  const done = sum(({ progress }) => (isOpen(progress, plan) ? 0 : 1));
  const trials = sum((state) => state.trials.length);
  return `${done} done, ${trials} trials, ${sum(({ progress }) => progress.tally.reproduced)} reproduced`;
}

/** What is left at the most, by what trials took until now. */
function describeLeft(
  states: readonly State[],
  times: readonly number[],
  { plan, jobs }: Pick<DriveMatrixOptions, "plan" | "jobs">,
): string {
  const left = states
    .filter(({ progress }) => isOpen(progress, plan))
    .reduce((sum, { progress: { tally } }) => sum + plan.trials - tally.reproduced - tally.clean, 0);
  if (left === 0) return "";
  const most = `at most ${left} more`;
  const expected = expectationFrom(times, undefined);
  if (!expected) return `${most}; `;
  const milliseconds = expected.milliseconds * Math.ceil(left / jobs);
  return `${most}, ${expectationText({ ...expected, milliseconds })}; `;
}

function describeDone({ cell, tally, verdict, problem }: MatrixRow): string {
  const counts = `${tally.reproduced} reproduced, ${tally.clean} clean`;
  return `${verdict.type} (${problem ?? counts}): ${describeCell(cell)}`;
}

/** Wakes who waits for a change. */
class Changes {
  #next = Promise.withResolvers<void>();

  tell(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }

  /** The next change. @throws the signal's reason when it aborts first. */
  async next(signal: AbortSignal): Promise<void> {
    const change = this.#next;
    const onAbort = (): void => change.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      await change.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
