import { useState } from "preact/hooks";
import type { PageData } from "../report/page/data.ts";
import { bytes, duration, percent, when } from "./format.ts";
import { safeLink } from "./links.ts";

const states: Readonly<Record<PageData["state"], string>> = {
  running: "running when this page was made",
  finished: "finished",
  interrupted: "interrupted",
  failed: "failed",
  killed: "killed: nobody ended it",
};

/** What was run, where and how long. */
export function Header({ data }: { readonly data: PageData }) {
  const { run, state } = data;
  const [theme, setTheme] = useState<string>();
  const turn = (): void => {
    const dark = theme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
    const next = dark ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    setTheme(next);
  };
  const { load, host, dstate } = run;
  const took = run.endedAt === undefined ? undefined : Date.parse(run.endedAt) - Date.parse(run.startedAt);
  const slow = load !== undefined && (load.steal >= 0.05 || load.after[0] > 2 * host.cores);
  return (
    <header class="top">
      <div>
        <p class="kind">
          <b>dstate</b> {run.kind}
        </p>
        <h1>{run.about}</h1>
        {run.title !== undefined && <p class="title">{run.title}</p>}
      </div>
      <dl>
        <div>
          <dt>run</dt>
          <dd>
            {when(run.startedAt)}
            {took === undefined ? "" : `, ${duration(took)}`}
            <span class={state === "finished" ? "quiet" : "warn"}> {states[state]}</span>
          </dd>
        </div>
        <div>
          <dt>host</dt>
          <dd>
            {host.cores === 0 ? "unknown" : `${host.cores} × ${host.cpu}, ${bytes(host.memory)}`}
            {load !== undefined && (
              <span class={slow ? "warn" : "quiet"}>
                {` busy ${percent(load.busy)}, load ${load.after[0]}, steal ${percent(load.steal)}${slow ? ": a slow host" : ""}`}
              </span>
            )}
          </dd>
        </div>
        <div>
          <dt>by</dt>
          <dd>
            dstate {dstate.version}
            {dstate.revision === undefined ? "" : ` (${dstate.revision})`}
          </dd>
        </div>
        {(run.upstream ?? []).length > 0 && (
          <div>
            <dt>upstream</dt>
            <dd class="links">
              {(run.upstream ?? []).map((address) => {
                const link = safeLink(address);
                const text = address
                  .replace(/^https?:\/\/(?:github\.com\/)?/, "")
                  .replace(/\/(?:issues|pull)\//, "#");
                return link === undefined ? (
                  <span key={address}>{text}</span>
                ) : (
                  <a key={address} href={link} rel="noreferrer noopener" target="_blank">
                    {text}
                  </a>
                );
              })}
            </dd>
          </div>
        )}
      </dl>
      <button type="button" class="theme" onClick={turn} aria-label="change between light and dark">
        ◐
      </button>
      {run.problem !== undefined && <p class="problem">{run.problem}</p>}
    </header>
  );
}
