import { useEffect, useState } from "preact/hooks";
import type { PageData, PageTrial, TrialDetail } from "../report/page/data.ts";
import { readTrial } from "./blocks.ts";
import { Command } from "./command.tsx";
import { Facts } from "./facts.tsx";
import { Findings } from "./findings.tsx";
import { duration } from "./format.ts";
import { type Lanes, type LogPlace, lanesOf, type Mark } from "./lanes.ts";
import { LogView } from "./log-view.tsx";
import { Outcome } from "./outcome.tsx";
import { Picked } from "./picked.tsx";
import type { Route } from "./route.ts";
import { Screen } from "./screen.tsx";
import { Tabs } from "./tabs.tsx";
import { Timeline } from "./timeline.tsx";
import { Waits } from "./waits.tsx";

export interface TrialProps {
  readonly data: PageData;
  readonly trial: PageTrial;
  readonly go: (route: Route) => void;
}

/** One trial: its time axis, and below it what it left. */
export function Trial({ data, trial, go }: TrialProps) {
  const [detail, setDetail] = useState<TrialDetail>();
  const [lanes, setLanes] = useState<Lanes>();
  const [view, setView] = useState<readonly [number, number]>([0, 1]);
  const [picked, setPicked] = useState<Mark>();
  const [place, setPlace] = useState<LogPlace>();
  const [tab, setTab] = useState("findings");
  useEffect(() => {
    let live = true;
    void readTrial(trial.number).then((read) => {
      if (!live) return;
      const made = lanesOf(read);
      setDetail(read);
      setLanes(made);
      setView([0, made.length]);
      setTab(read.findings.length > 0 ? "findings" : "log");
    });
    return () => {
      live = false;
    };
  }, [trial.number]);
  const show = (to: LogPlace): void => {
    setPlace({ ...to });
    setTab("log");
  };
  const release =
    trial.parts === undefined ? trial.cell?.kernel : data.run.parts[trial.parts]?.kernel.version;
  const others = data.run.trials.filter(({ number }) => number !== trial.number);
  const other = others.find(({ outcome }) => outcome !== trial.outcome) ?? others[0];
  return (
    <article class="trial">
      <div class="trial-head">
        <h2>
          <span class="quiet">trial {trial.number}</span> {trial.title}
        </h2>
        <p class="trial-outcome">
          <Outcome trial={trial} ended={data.state !== "running"} />
          {trial.expected !== undefined && (
            <span
              class={trial.outcome === trial.expected ? "quiet" : "warn"}
            >{`as ${trial.outcome === trial.expected ? "" : "not "}expected`}</span>
          )}
          <span class="quiet">{trial.took === undefined ? "" : duration(trial.took)}</span>
          {other && (
            <button
              type="button"
              onClick={() => go({ view: "compare", left: other.number, right: trial.number })}
            >
              {`compare with trial ${other.number} (${other.outcome ?? other.state})`}
            </button>
          )}
        </p>
        {trial.summary !== undefined && trial.summary !== "" && <p class="summary">{trial.summary}</p>}
        {trial.rerun !== undefined && <Command text={trial.rerun} />}
      </div>
      {lanes?.lanes.some(({ marks }) => marks.length > 0) ? (
        <>
          <Timeline
            name={`trial ${trial.number}`}
            lanes={lanes}
            view={view}
            onView={setView}
            picked={picked}
            onPick={setPicked}
          />
          <Picked mark={picked} onPlace={show} />
        </>
      ) : (
        lanes && <p class="empty">No times were recorded of this trial: an older dstate ran it.</p>
      )}
      {detail && (
        <Tabs
          label="what the trial left"
          current={tab}
          onCurrent={setTab}
          tabs={[
            {
              id: "findings",
              title: `Findings (${detail.findings.length})`,
              body: () => <Findings findings={detail.findings} release={release} onPlace={show} />,
            },
            { id: "log", title: "Logs", body: () => <LogView logs={detail.logs} place={place} /> },
            { id: "waits", title: "Who waits", body: () => <Waits graph={detail.waits} /> },
            {
              id: "screen",
              title: "Console",
              body: () => <Screen logs={detail.logs} timeline={detail.timeline} />,
            },
            { id: "facts", title: "Facts", body: () => <Facts data={data} trial={trial} detail={detail} /> },
          ]}
        />
      )}
    </article>
  );
}
