import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageData, PageTrial } from "../report/page/data.ts";
import { Compare } from "./compare.tsx";
import { Header } from "./header.tsx";
import { Overview } from "./overview.tsx";
import { useRoute } from "./route.ts";
import { Sidebar } from "./sidebar.tsx";
import { Trial } from "./trial.tsx";

/** The whole page. */
export function App({ data }: { readonly data: PageData }) {
  const { trials } = data.run;
  const [route, go] = useRoute();
  const [query, setQuery] = useState("");
  const search = useRef<HTMLInputElement>(null);
  const shown = useMemo(() => trials.filter((trial) => matches(trial, query)), [trials, query]);
  const current = route.view === "trial" ? route.number : undefined;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing =
        event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const at = shown.findIndex(({ number }) => number === current);
      const walk = (step: number): void => {
        const next = shown[Math.min(shown.length - 1, Math.max(0, at + step))];
        if (next) go({ view: "trial", number: next.number });
      };
      if (event.key === "j") walk(1);
      else if (event.key === "k") walk(-1);
      else if (event.key === "o") go({ view: "overview" });
      else if (event.key === "/") search.current?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [shown, current]);
  const trial = trials.find(({ number }) => number === current);
  return (
    <div class="app">
      <a class="skip" href="#main">
        to the content
      </a>
      <Header data={data} />
      <Sidebar
        trials={shown}
        all={trials.length}
        query={query}
        onQuery={setQuery}
        search={search}
        route={route}
        go={go}
      />
      <main id="main" tabindex={-1}>
        {route.view === "compare" ? (
          <Compare
            key={`${route.left} ${route.right}`}
            data={data}
            left={route.left}
            right={route.right}
            go={go}
          />
        ) : trial ? (
          <Trial key={trial.number} data={data} trial={trial} go={go} />
        ) : (
          <Overview data={data} go={go} onQuery={setQuery} />
        )}
      </main>
    </div>
  );
}

function matches(trial: PageTrial, query: string): boolean {
  const text = [trial.title, trial.outcome ?? trial.state, trial.summary ?? "", ...trial.findings]
    .join(" ")
    .toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
