import type { PageTrial } from "../report/page/data.ts";

/** What a trial came to, as a word with a sign: colour alone tells nobody anything. */
export function Outcome({
  trial,
  ended,
}: {
  readonly trial: Pick<PageTrial, "outcome" | "state">;
  readonly ended: boolean;
}) {
  const name = outcomeOf(trial, ended);
  return (
    <span class={`outcome outcome-${name.replace(" ", "-")}`}>
      <i aria-hidden="true">{signs[name] ?? "·"}</i>
      {name}
    </span>
  );
}

const signs: Readonly<Record<string, string>> = {
  reproduced: "●",
  failed: "●",
  clean: "○",
  passed: "○",
  inconclusive: "?",
  "infra-error": "!",
  "usage-error": "!",
  unfinished: "…",
  running: "▸",
};

/** A trial's outcome, or what is to be said instead: `unfinished` when nothing goes on with it any more. */
export function outcomeOf({ outcome, state }: Pick<PageTrial, "outcome" | "state">, ended: boolean): string {
  if (state === "ended") return outcome ?? "ended";
  return ended ? "unfinished" : "running";
}
