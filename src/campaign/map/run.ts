import type { Context } from "../../base/context.ts";
import { DeadlineError, InfraError, messageOf } from "../../base/errors.ts";
import { step } from "../../base/progress.ts";
import { BuildError } from "../../kernel/build.ts";
import type { Cell } from "../../lab/cell.ts";
import type { Run } from "../../record/run.ts";
import { cellsOf } from "../../repro/cells.ts";
import type { FoundRepro } from "../../repro/find.ts";
import type { Outcome } from "../../repro/outcome.ts";
import { definitionOf } from "../cell-key.ts";
import type { Ledger } from "../ledger.ts";
import { type OpenTries, openTries, type Tries } from "../tries.ts";
import { believe, type Seen, type SeriesModel } from "./belief.ts";
import type { SeriesState } from "./choose.ts";
import { type DatedLine, releaseDates, switchesNear } from "./dates.ts";
import { rateOfLine } from "./line-rate.ts";
import { type MapLine, type Place, releaseName } from "./places.ts";
import { mapOf, nextTrials, type ReleaseState, type SeriesMap } from "./series.ts";

export interface RunMapOptions {
  readonly found: FoundRepro;
  readonly lines: readonly MapLine[];
  /** How certain each release has to be. */
  readonly confidence: number;
  /** A bad release is taken to show the bug in this share of its trials, at the least. */
  readonly leastRate: number;
  /** New trials at the most. */
  readonly budget: number;
  /** Kernels to build at the most, in each line. */
  readonly builds: number;
  /** Trials side by side. */
  readonly jobs: number;
  /** Kernels that are built at once, where others build them. Default: one. */
  readonly buildsAtOnce?: number | undefined;
  readonly cold?: boolean | undefined;
  readonly run?: Run | undefined;
  /** Who runs its trials. Default: this host. */
  readonly open?: OpenTries | undefined;
  /** Told after each trial what is known so far. */
  readonly onChange?: ((lines: readonly MappedLine[]) => void) | undefined;
}

/** A trial that a map counts. */
export interface MapTrial {
  readonly outcome: Outcome;
  readonly summary: string;
  readonly evidence: string;
  readonly earlier: boolean;
}

/** A release, and what is known of it. */
export interface MappedRelease {
  readonly version: string;
  readonly cell: Cell;
  readonly state: ReleaseState;
  /** That it has the bug. */
  readonly probability: number;
  readonly seen: Seen;
  readonly trials: readonly MapTrial[];
  /** Why it cannot be tried. */
  readonly problem: string | undefined;
}

export interface MappedLine {
  readonly name: string;
  readonly series: string;
  readonly releases: readonly MappedRelease[];
  readonly map: SeriesMap;
  /** Kernels of it that were built for this map. */
  readonly builds: number;
}

export interface RunMapResult {
  readonly lines: readonly MappedLine[];
  readonly newTrials: number;
  /** `nothing-left`: what is not known cannot be tried. */
  readonly stopped: "done" | "budget" | "nothing-left";
}

/** A release in the middle of a map. */
interface PlaceState {
  readonly place: Place;
  readonly key: string;
  trials: MapTrial[];
  problem: string | undefined;
}

interface LineState {
  readonly line: MapLine;
  readonly places: readonly PlaceState[];
  model: SeriesModel;
  /** When each release came out, where a tree tells. */
  readonly dates: readonly (number | undefined)[];
  /** Releases that were tried, or are. */
  readonly begun: Set<string>;
  builds: number;
}

/** Seconds, until the first ones are measured. */
const guess = { build: 300, fetch: 40, trial: 60 };
const patience = { infra: 3, wasted: 6 };

/**
 * Map lines of releases on real machines. Every trial is in the ledger the moment it ends; started again, the map goes
 * on where it was, and earlier trials of the same cells count.
 *
 * @throws {UsageError} for a cell that cannot be; what could not be fetched or built ends only its own release.
 */
export async function runMap(
  options: RunMapOptions,
  ledger: Ledger,
  context: Context,
): Promise<RunMapResult> {
  const { found } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const definition = await definitionOf(found);
  const tries = await (options.open ?? openTries)(
    { repro: found.repro, definition, ranBy: "map", cold: options.cold, run: options.run },
    ledger,
    { ...context, signal },
  );
  const lines = await openLines(options, { tries, definition }, ledger, context);
  const mapped = (): MappedLine[] => lines.map((line) => describe(line, options.confidence));
  const seconds = { ...guess };
  let newTrials = 0;
  const attempt = async (line: LineState, one: PlaceState): Promise<void> => {
    const isNew = !tries.isBuilt(one.place.cell);
    // Trials of one release that begin together wait for one build.
    const isFirst = isNew && !line.begun.has(one.place.version);
    line.begun.add(one.place.version);
    const start = performance.now();
    try {
      const trial = await tries.run(one.place.cell, { candidate: one.place.version });
      one.trials = [...one.trials, { ...trial, earlier: false }];
      newTrials += 1;
      one.problem = whyLeaveAlone(one.trials);
    } catch (error) {
      if (!(error instanceof InfraError || error instanceof DeadlineError)) {
        stop.abort(error);
        throw error;
      }
      one.problem = messageOf(error).split("\n")[0] ?? "it cannot be had";
      if (error instanceof BuildError) ledger.skip(one.key, one.problem);
    } finally {
      const took = (performance.now() - start) / 1000;
      if (!isNew) seconds.trial = took;
      else if (one.place.isBuilt) {
        if (isFirst) line.builds += 1;
        seconds.build = Math.max(took - seconds.trial, 1);
      }
    }
    options.onChange?.(mapped());
  };
  return await step(context.progress, `map of ${found.repro.id}`, async (progress) => {
    for (;;) {
      // What was seen in one line says how much a clean trial tells in the others.
      const all = ledger.trialsOfDefinition(definition);
      for (const line of lines)
        line.model = { ...line.model, ...rateOfLine(all, keysOf(line), options.leastRate) };
      const states = withDates(
        lines,
        lines.map((line) => stateOf(line, { tries, seconds, builds: options.builds })),
      );
      progress.update({ detail: sum(lines, newTrials, options.confidence) });
      const room = options.budget - newTrials;
      const batch = nextTrials(states, {
        confidence: options.confidence,
        size: Math.max(1, Math.min(options.jobs, room)),
        ...(options.buildsAtOnce === undefined ? {} : { builds: options.buildsAtOnce }),
      });
      if (batch.length === 0) {
        const stopped = mapped().every(({ map }) => map.settled && !map.states.includes("unknown"))
          ? "done"
          : "nothing-left";
        progress.conclude(sum(lines, newTrials, options.confidence));
        return { lines: mapped(), newTrials, stopped };
      }
      if (room <= 0) return { lines: mapped(), newTrials, stopped: "budget" };
      const ended = await Promise.allSettled(
        batch.flatMap(({ series, release, why }) => {
          const [line, one] = [lines[series], lines[series]?.places[release]];
          if (!line || !one) return [];
          const what = why === "edge" ? "an edge" : "the inside of an interval";
          const text = `map of ${line.line.name}: looking for ${what} at ${one.place.version}`;
          context.progress({ type: "note", text });
          return [attempt(line, one)];
        }),
      );
      for (const one of ended) if (one.status === "rejected") throw one.reason;
    }
  });
}

async function openLines(
  { found, lines, leastRate }: RunMapOptions,
  { tries, definition }: { tries: Tries; definition: string },
  ledger: Ledger,
  context: Context,
): Promise<LineState[]> {
  const known = cellsOf(found.repro, context.settings);
  // A repro may name a package by its upstream version alone.
  const nameOf = (cell: Cell): string => JSON.stringify({ ...cell, kernel: releaseName(cell.kernel) });
  const isOf = (cells: readonly Cell[], cell: Cell): boolean =>
    cells.some((one) => nameOf(one) === nameOf(cell));
  const opened = [];
  for (const line of lines) {
    const places: PlaceState[] = [];
    for (const place of line.places) {
      await found.repro.check?.(place.cell, context);
      const key = await tries.key(place.cell);
      const trials = ledger.trialsOf(key).map((trial) => ({ ...trial, earlier: true }));
      places.push({ place, key, trials, problem: ledger.skipOf(key) });
    }
    opened.push({ line, places });
  }
  // One line alone has nothing to learn from them.
  const dates = lines.length > 1 ? await releaseDates(context) : new Map<string, number>();
  const all = ledger.trialsOfDefinition(definition);
  return opened.map(({ line, places }) => ({
    line,
    places,
    model: {
      ...rateOfLine(all, keysOf({ places }), leastRate),
      // What the report itself says is where to look first, and no more than that.
      hints: places.map(({ place: { cell } }) =>
        isOf(known.bad, cell) ? "bad" : isOf(known.control, cell) ? "good" : undefined,
      ),
    },
    dates: places.map(({ place }) => dates.get(place.version)),
    begun: new Set(),
    builds: 0,
  }));
}

function keysOf({ places }: Pick<LineState, "places">): Set<string> {
  return new Set(places.map(({ key }) => key));
}

function stateOf(
  { places, model, builds }: LineState,
  now: { readonly tries: Tries; readonly seconds: typeof guess; readonly builds: number },
): SeriesState {
  const build = places.map(({ place }) =>
    now.tries.isBuilt(place.cell) ? 0 : place.isBuilt ? now.seconds.build : now.seconds.fetch,
  );
  return {
    seen: places.map(({ trials }) => seenIn(trials)),
    model,
    testable: places.map(
      ({ problem, place }, index) =>
        problem === undefined && (builds < now.builds || !place.isBuilt || build[index] === 0),
    ),
    build,
    trial: now.seconds.trial,
  };
}

/** Lines whose switches are expected where other lines have theirs. */
function withDates(lines: readonly LineState[], states: readonly SeriesState[]): SeriesState[] {
  const dated = lines.map(({ dates }, number): DatedLine => {
    const { seen = [], model } = states[number] ?? {};
    return {
      dates,
      belief: model ? believe(seen, model) : { brought: new Float64Array(), mended: new Float64Array() },
    };
  });
  return states.map((state, number) => {
    const others = dated.filter((_, other) => other !== number);
    const switchesAt = switchesNear(dated[number]?.dates ?? [], others);
    // They say where to look, and what is known says the line itself.
    return switchesAt ? { ...state, model: { ...state.model, switchesAt }, strict: state.model } : state;
  });
}

/** Trials that said something. */
function seenIn(trials: readonly Pick<MapTrial, "outcome">[]): Seen {
  const count = (outcome: Outcome): number => trials.filter((trial) => trial.outcome === outcome).length;
  return { reproduced: count("reproduced"), clean: count("clean") };
}

function describe({ line, places, model, builds }: LineState, confidence: number): MappedLine {
  const seen = places.map(({ trials }) => seenIn(trials));
  const belief = believe(seen, model);
  const map = mapOf({ seen, model, testable: places.map(() => true) }, belief, confidence);
  return {
    name: line.name,
    series: line.series,
    map,
    builds,
    releases: places.map(({ place, trials, problem }, index) => ({
      version: place.version,
      cell: place.cell,
      state: map.states[index] ?? "unknown",
      probability: belief.bad[index] ?? 0,
      seen: seen[index] ?? { reproduced: 0, clean: 0 },
      trials,
      problem,
    })),
  };
}

/** Why a release is left alone after trials of this run that say nothing; undefined: it is not. */
function whyLeaveAlone(trials: readonly MapTrial[]): string | undefined {
  const own = trials.filter(({ earlier }) => !earlier);
  const last = (count: number, isWasted: (outcome: Outcome) => boolean): boolean =>
    own.length >= count && own.slice(-count).every(({ outcome }) => isWasted(outcome));
  const summary = own.at(-1)?.summary;
  if (last(patience.infra, (outcome) => outcome === "infra-error"))
    return `its trials fail for reasons of their own: ${summary}`;
  if (last(patience.wasted, (outcome) => outcome !== "clean" && outcome !== "reproduced"))
    return `its trials cannot be judged: ${summary}`;
  return undefined;
}

function sum(lines: readonly LineState[], trials: number, confidence: number): string {
  const states = lines.flatMap((line) => describe(line, confidence).map.states);
  const known = states.filter((state) => state !== "unknown").length;
  const bad = states.filter((state) => state === "bad").length;
  return `${known} of ${states.length} releases known, ${bad} bad, ${trials} new trials`;
}
