import { useMemo, useState } from "preact/hooks";
import type { BisectRecord } from "../record/run-record.ts";
import { percent } from "./format.ts";

/** A candidate, or several in a row that were never tried and are drawn as one. */
interface Row {
  readonly first: number;
  readonly count: number;
}

/** A bisection: what is believed of each candidate now, and how that belief came about, trial by trial. */
export function Bisect({ bisect }: { readonly bisect: BisectRecord }) {
  const { candidates, history } = bisect;
  const [step, setStep] = useState(history.length);
  const rows = useMemo(() => rowsOf(bisect), [bisect]);
  /** What was believed after a trial; what is recorded in the end knows of candidates that were passed over, too. */
  const believed = (after: number, { first, count }: Row): number => {
    const probabilities =
      after === history.length
        ? candidates.map(({ probability }) => probability)
        : (history[after - 1]?.probabilities.map((thousandths) => thousandths / 1000) ??
          candidates.map(() => 1 / candidates.length));
    return probabilities.slice(first, first + count).reduce((sum, probability) => sum + probability, 0);
  };
  const about = ({ first, count }: Row): string => {
    if (count > 1) {
      const passed = candidates.slice(first, first + count).filter(({ skipped }) => skipped).length;
      return `${count} candidates that were never tried${passed > 0 ? `, ${passed} of them passed over` : ""}`;
    }
    const seen = history.slice(0, step).filter(({ candidate }) => candidate === first);
    const tried = (["reproduced", "clean"] as const)
      .map((outcome) => [seen.filter((one) => one.outcome === outcome).length, outcome] as const)
      .filter(([times]) => times > 0)
      .map(([times, outcome]) => `${times} ${outcome}`)
      .join(", ");
    return [tried, candidates[first]?.skipped ? "passed over" : "", candidates[first]?.detail ?? ""]
      .filter((text) => text !== "")
      .join("; ");
  };
  const last = history[step - 1];
  return (
    <section class="bisect">
      <h2>Bisection of {bisect.range}</h2>
      <p class="conclusion">{bisect.conclusion}</p>
      <label class="bisect-step">
        {`after trial ${step} of ${history.length}`}
        <input
          type="range"
          min={0}
          max={history.length}
          value={step}
          onInput={(event) => setStep(Number(event.currentTarget.value))}
        />
        <span class="quiet">
          {last ? `${candidates[last.candidate]?.name}: ${last.outcome}` : "before the first trial"}
        </span>
      </label>
      <div class="bisect-pair">
        <ol class="posterior">
          {rows.map((row) => {
            const share = believed(step, row);
            return (
              <li key={row.first} class={share > 0.5 && row.count === 1 ? "likely" : ""}>
                <span class={row.count > 1 ? "quiet" : "mono"}>
                  {row.count > 1 ? "..." : candidates[row.first]?.name}
                </span>
                <span class="posterior-bar" aria-hidden="true">
                  <i style={{ width: `${100 * share}%` }} />
                </span>
                <span class="number">{percent(share)}</span>
              </li>
            );
          })}
        </ol>
        <History history={history} rows={rows} believed={believed} step={step} onStep={setStep} />
        <ol class="posterior-about">
          {rows.map((row) => (
            <li key={row.first} title={about(row)}>
              {about(row)}
            </li>
          ))}
        </ol>
      </div>
      <p class="quiet">
        A column for each trial, a row for each candidate: the stronger its colour, the likelier it was then
        to be the first bad one. A filled dot is a trial that reproduced, a ring one that was clean.
      </p>
    </section>
  );
}

/** The same rows at every step: candidates that were tried or are likely in the end, and what lies between them. */
function rowsOf({ candidates, history }: BisectRecord): readonly Row[] {
  const tried = new Set(history.map(({ candidate }) => candidate));
  const rows: Row[] = [];
  let isOpen = false;
  for (const [index, { probability }] of candidates.entries()) {
    const last = rows.at(-1);
    const alone = tried.has(index) || probability >= 0.005;
    if (!alone && isOpen && last) rows[rows.length - 1] = { first: last.first, count: last.count + 1 };
    else rows.push({ first: index, count: 1 });
    isOpen = !alone;
  }
  return rows;
}

interface HistoryProps {
  readonly history: BisectRecord["history"];
  readonly rows: readonly Row[];
  readonly believed: (after: number, row: Row) => number;
  readonly step: number;
  readonly onStep: (step: number) => void;
}

/** Trials from left to right, candidates from top to bottom. */
function History({ history, rows, believed, step, onStep }: HistoryProps) {
  const wide = Math.max(6, Math.min(26, 640 / Math.max(1, history.length)));
  const high = 22;
  return (
    <svg
      class="history"
      width={history.length * wide + 2}
      height={rows.length * high + 2}
      role="img"
      aria-label={`how the probabilities changed over ${history.length} trials`}
    >
      {history.map((one, column) => (
        <g key={column} onClick={() => onStep(column + 1)}>
          {rows.map((row, at) => (
            <g key={row.first}>
              <rect
                x={column * wide + 1}
                y={at * high + 1}
                width={wide - 1}
                height={high - 1}
                class="history-cell"
                fill-opacity={0.04 + 0.96 * believed(column + 1, row)}
              />
              {one.candidate === row.first && (
                <circle
                  cx={column * wide + wide / 2}
                  cy={at * high + high / 2}
                  r={Math.min(5, wide / 3)}
                  class={`history-${one.outcome}`}
                />
              )}
            </g>
          ))}
        </g>
      ))}
      {step > 0 && (
        <rect
          x={(step - 1) * wide + 0.5}
          y={0.5}
          width={wide}
          height={rows.length * high + 1}
          class="history-now"
        />
      )}
    </svg>
  );
}
