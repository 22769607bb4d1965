import type { PageData, PageTrial } from "../report/page/data.ts";
import { Bisect } from "./bisect.tsx";
import { Command } from "./command.tsx";
import { duration } from "./format.ts";
import { Matrix } from "./matrix.tsx";
import { Outcome, outcomeOf } from "./outcome.tsx";
import type { Route } from "./route.ts";

export interface OverviewProps {
  readonly data: PageData;
  readonly go: (route: Route) => void;
  readonly onQuery: (query: string) => void;
}

/** What all trials come to. */
export function Overview({ data, go, onQuery }: OverviewProps) {
  const { run, state } = data;
  const ended = state !== "running";
  const counts = Map.groupBy(run.trials, (trial) => outcomeOf(trial, ended));
  return (
    <div class="overview">
      <section aria-label="sums" class="sums">
        {[...counts].map(([name, trials]) => (
          <button key={name} type="button" class={`sum outcome-${name}`} onClick={() => onQuery(name)}>
            <b>{trials.length}</b> {name}
          </button>
        ))}
        {run.trials.length === 0 && <p class="empty">No trial was begun.</p>}
      </section>
      {run.matrix !== undefined && <Matrix matrix={run.matrix} onQuery={onQuery} />}
      {run.bisect !== undefined && <Bisect bisect={run.bisect} />}
      <Pairs trials={run.trials} go={go} />
      <section>
        <h2>Trials</h2>
        <div class="table-box">
          <table class="trials">
            <thead>
              <tr>
                <th>#</th>
                <th>cell</th>
                <th>outcome</th>
                <th>what was seen</th>
                <th>took</th>
              </tr>
            </thead>
            <tbody>
              {run.trials.slice(0, 400).map((trial) => (
                <tr key={trial.number}>
                  <td>{trial.number}</td>
                  <td>
                    <a href={`#/trial/${trial.number}`}>{trial.title}</a>
                  </td>
                  <td>
                    <Outcome trial={trial} ended={ended} />
                    {trial.expected !== undefined && trial.outcome !== trial.expected && (
                      <span class="warn">{` expected ${trial.expected}`}</span>
                    )}
                  </td>
                  <td>{trial.summary ?? ""}</td>
                  <td class="number">{trial.took === undefined ? "" : duration(trial.took)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section>
        <h2>Run it again</h2>
        <Command text={run.rerun} />
      </section>
    </div>
  );
}

/** A failing trial beside one that does not fail is what tells most: the nearest such pair is offered. */
function Pairs({ trials, go }: { trials: readonly PageTrial[]; go: (route: Route) => void }) {
  const bad = trials.find(({ outcome }) => outcome === "reproduced" || outcome === "failed");
  const good = trials.find(({ outcome }) => outcome === "clean" || outcome === "passed");
  if (!bad || !good) return null;
  return (
    <p>
      <button
        type="button"
        class="primary"
        onClick={() => go({ view: "compare", left: good.number, right: bad.number })}
      >
        {`Compare trial ${good.number} (${good.outcome}) with trial ${bad.number} (${bad.outcome})`}
      </button>
    </p>
  );
}
