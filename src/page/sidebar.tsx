import type { Ref } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { PageTrial } from "../report/page/data.ts";
import { duration } from "./format.ts";
import { Outcome } from "./outcome.tsx";
import { hashOf, type Route } from "./route.ts";

export interface SidebarProps {
  readonly trials: readonly PageTrial[];
  readonly all: number;
  readonly query: string;
  readonly onQuery: (query: string) => void;
  readonly search: Ref<HTMLInputElement>;
  readonly route: Route;
  readonly go: (route: Route) => void;
}

/** Every trial, with a search over their cells, outcomes and findings. */
export function Sidebar({ trials, all, query, onQuery, search, route, go }: SidebarProps) {
  const current = route.view === "trial" ? route.number : undefined;
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest" });
  }, [current]);
  return (
    <nav class="side" aria-label="trials">
      <a class="side-overview" href="#/" aria-current={route.view === "overview" ? "page" : undefined}>
        Overview
      </a>
      <label>
        <span class="sr">search trials</span>
        <input
          type="search"
          ref={search}
          placeholder="search trials   /"
          value={query}
          onInput={(event) => onQuery(event.currentTarget.value)}
          onKeyDown={(event) => {
            const [first] = trials;
            if (event.key === "Enter" && first) go({ view: "trial", number: first.number });
          }}
        />
      </label>
      <p class="quiet" role="status">
        {trials.length === all
          ? `${all} ${all === 1 ? "trial" : "trials"}`
          : `${trials.length} of ${all} trials`}
      </p>
      <ol ref={list}>
        {trials.map((trial) => (
          <li key={trial.number}>
            <a
              href={hashOf({ view: "trial", number: trial.number })}
              aria-current={trial.number === current ? "page" : undefined}
            >
              <span class="side-line">
                <span class="side-number">{trial.number}</span>
                <Outcome trial={trial} ended />
                <span class="side-time">{trial.took === undefined ? "" : duration(trial.took)}</span>
              </span>
              <span class="side-title">{trial.title}</span>
            </a>
          </li>
        ))}
      </ol>
      <p class="keys quiet">
        <kbd>j</kbd> <kbd>k</kbd> trials, <kbd>o</kbd> overview, <kbd>/</kbd> search
      </p>
    </nav>
  );
}
