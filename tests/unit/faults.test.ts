import { expect, test } from "vitest";
import { fileFaults } from "../faults/files.ts";
import { injectAll } from "../faults/run.ts";

test("each fault of files, disks, processes and the network, once, comes to what it has to", async ({
  signal,
}) => {
  const seed = Math.floor(Math.random() * 1e6);
  const tallies = await injectAll({ seed, count: fileFaults.length, faults: fileFaults, signal });
  const wrong = tallies.flatMap(({ fault, wrong, left }) =>
    [...wrong, ...left].map((each) => `--seed ${each.seed} --only "${fault.name}": ${each.what}`),
  );
  expect(wrong).toEqual([]);
});
