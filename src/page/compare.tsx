import { useEffect, useState } from "preact/hooks";
import type { PageData } from "../report/page/data.ts";
import { readBlock, readTrial } from "./blocks.ts";
import { configDifferences, differences, type Fact, type Side } from "./differ.ts";
import { type Lanes, lanesOf, type Mark } from "./lanes.ts";
import { Outcome } from "./outcome.tsx";
import { Picked } from "./picked.tsx";
import type { Route } from "./route.ts";
import { Timeline } from "./timeline.tsx";

export interface CompareProps {
  readonly data: PageData;
  readonly left: number;
  readonly right: number;
  readonly go: (route: Route) => void;
}

/** Two trials on one scale of time, and what differs between them. */
export function Compare({ data, left, right, go }: CompareProps) {
  const [sides, setSides] = useState<readonly (Side & { lanes: Lanes })[]>();
  const [view, setView] = useState<readonly [number, number]>([0, 1]);
  const [picked, setPicked] = useState<{ side: number; mark: Mark }>();
  const [configs, setConfigs] = useState<readonly Fact[]>([]);
  useEffect(() => {
    let live = true;
    const load = async (number: number): Promise<(Side & { lanes: Lanes })[]> => {
      const trial = data.run.trials.find((one) => one.number === number);
      if (!trial) return [];
      const detail = await readTrial(number);
      return [{ trial, detail, lanes: lanesOf(detail) }];
    };
    const config = async (side: Side | undefined): Promise<string> => {
      const name = data.configs[side?.trial.parts ?? ""];
      return name === undefined ? "" : await readBlock(name);
    };
    void (async () => {
      const both = (await Promise.all([load(left), load(right)])).flat();
      const [a, b] = await Promise.all(both.map(config));
      if (!live) return;
      setSides(both);
      setView([0, Math.max(...both.map(({ lanes }) => lanes.length))]);
      setConfigs(configDifferences(a ?? "", b ?? ""));
    })();
    return () => {
      live = false;
    };
  }, [left, right]);
  const [a, b] = sides ?? [];
  if (!a || !b) return <p class="empty">{sides ? "There are no two such trials." : "reading"}</p>;
  const { differ, same } = differences(data, a, b);
  const choose = (side: "left" | "right", number: number): void =>
    go({ view: "compare", left: side === "left" ? number : left, right: side === "right" ? number : right });
  const length = Math.max(a.lanes.length, b.lanes.length);
  return (
    <article class="compare">
      <h2>Two trials side by side</h2>
      {[a, b].map((side, index) => (
        <section key={side.trial.number} aria-label={`trial ${side.trial.number}`}>
          <p class="compare-head">
            <label>
              <span class="sr">{index === 0 ? "first trial" : "second trial"}</span>
              <select
                value={side.trial.number}
                onChange={(event) =>
                  choose(index === 0 ? "left" : "right", Number(event.currentTarget.value))
                }
              >
                {data.run.trials.map((trial) => (
                  <option key={trial.number} value={trial.number}>
                    {`${trial.number}: ${trial.outcome ?? trial.state}, ${trial.title}`}
                  </option>
                ))}
              </select>
            </label>
            <Outcome trial={side.trial} ended />
            <a href={`#/trial/${side.trial.number}`}>open</a>
          </p>
          <Timeline
            name={`trial ${side.trial.number}`}
            lanes={{ ...side.lanes, length }}
            view={view}
            onView={setView}
            picked={picked?.side === index ? picked.mark : undefined}
            onPick={(mark) => setPicked({ side: index, mark })}
          />
        </section>
      ))}
      <Picked
        mark={picked?.mark}
        onPlace={() => go({ view: "trial", number: (picked?.side === 0 ? a : b).trial.number })}
      />
      <section>
        <h3>What differs</h3>
        <Facts facts={differ} names={[a.trial.number, b.trial.number]} />
        <p class="quiet">{`${same} more facts are the same in both.`}</p>
      </section>
      {configs.length > 0 && (
        <details>
          <summary>{`${configs.length} options of the kernels' configurations differ`}</summary>
          <Facts facts={configs} names={[a.trial.number, b.trial.number]} />
        </details>
      )}
    </article>
  );
}

function Facts({ facts, names }: { facts: readonly Fact[]; names: readonly [number, number] }) {
  return (
    <div class="table-box">
      <table class="differ">
        <thead>
          <tr>
            <th scope="col">fact</th>
            <th scope="col">trial {names[0]}</th>
            <th scope="col">trial {names[1]}</th>
          </tr>
        </thead>
        <tbody>
          {facts.map(({ name, left, right }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{left}</td>
              <td>{right}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
