import { expect, test } from "vitest";
import { injectAll } from "../faults/run.ts";
import { runFaultsWith } from "../faults/runs.ts";

test.each(runFaultsWith(() => 12_000))("$name: $holds", async (fault) => {
  const seed = Math.floor(Math.random() * 1e6);
  const { signal } = new AbortController();
  const [tally] = await injectAll({ seed, count: 1, faults: [fault], signal });
  const wrong = [...(tally?.wrong ?? []), ...(tally?.left ?? [])].map(
    (each) => `--seed ${each.seed} --only "${fault.name}": ${each.what}`,
  );
  expect(wrong).toEqual([]);
});
