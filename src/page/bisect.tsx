import { useState } from "preact/hooks";
import type { BisectRecord } from "../record/run-record.ts";
import { percent } from "./format.ts";

/** A bisection: what is believed of each candidate now, and how that belief came about, trial by trial. */
export function Bisect({ bisect }: { readonly bisect: BisectRecord }) {
  const { candidates, history } = bisect;
  const [step, setStep] = useState(history.length);
  const shown = history[step - 1]?.probabilities;
  const now = candidates.map(({ probability }, index) =>
    step === history.length ? probability : (shown?.[index] ?? 0) / 1000,
  );
  const tried = (index: number): string => {
    const seen = history.slice(0, step).filter(({ candidate }) => candidate === index);
    const count = (outcome: string): number => seen.filter((one) => one.outcome === outcome).length;
    const [bad, good] = [count("reproduced"), count("clean")];
    return [bad > 0 ? `${bad} reproduced` : "", good > 0 ? `${good} clean` : ""]
      .filter((text) => text !== "")
      .join(", ");
  };
  const order = candidates
    .map((_, index) => index)
    .filter((index) => (now[index] ?? 0) >= 0.005 || history.some(({ candidate }) => candidate === index));
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
          {order.map((index) => (
            <li key={index} class={(now[index] ?? 0) > 0.5 ? "likely" : ""}>
              <span class="mono">{candidates[index]?.name}</span>
              <span class="posterior-bar" aria-hidden="true">
                <i style={{ width: `${100 * (now[index] ?? 0)}%` }} />
              </span>
              <span class="number">{percent(now[index] ?? 0)}</span>
              <span class="quiet">
                {tried(index)}
                {candidates[index]?.skipped ? " passed over" : ""}
                {candidates[index]?.detail === "" ? "" : ` ${candidates[index]?.detail}`}
              </span>
            </li>
          ))}
        </ol>
        <History bisect={bisect} order={order} step={step} onStep={setStep} />
      </div>
      {order.length < candidates.length && (
        <p class="quiet">{`${candidates.length - order.length} more were never tried and are unlikely.`}</p>
      )}
    </section>
  );
}

interface HistoryProps {
  readonly bisect: BisectRecord;
  readonly order: readonly number[];
  readonly step: number;
  readonly onStep: (step: number) => void;
}

/** Trials from left to right, candidates from top to bottom: the darker, the likelier; a dot is a trial. */
function History({ bisect, order, step, onStep }: HistoryProps) {
  const { history } = bisect;
  const wide = Math.max(6, Math.min(26, 640 / Math.max(1, history.length)));
  const high = 22;
  return (
    <svg
      class="history"
      width={history.length * wide + 2}
      height={order.length * high + 2}
      role="img"
      aria-label={`how the probabilities changed over ${history.length} trials`}
    >
      {history.map((one, column) => (
        <g key={column} onClick={() => onStep(column + 1)} class={column + 1 === step ? "history-now" : ""}>
          {order.map((candidate, row) => (
            <g key={candidate}>
              <rect
                x={column * wide + 1}
                y={row * high + 1}
                width={wide - 1}
                height={high - 1}
                class="history-cell"
                fill-opacity={0.04 + 0.96 * ((one.probabilities[candidate] ?? 0) / 1000)}
              />
              {one.candidate === candidate && (
                <circle
                  cx={column * wide + wide / 2}
                  cy={row * high + high / 2}
                  r={Math.min(5, wide / 3)}
                  class={`history-${one.outcome}`}
                />
              )}
            </g>
          ))}
        </g>
      ))}
    </svg>
  );
}
