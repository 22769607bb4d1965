import { defineRepro } from "../../../src/index.ts";
import { isHealthy, isReported } from "./rounds.ts";
import { observe } from "./trial.ts";

export default defineRepro({
  id: "uring-close-etxtbsy",
  title: "a program that was written and closed cannot be started: ETXTBSY",
  upstream: ["https://github.com/nodejs/node/issues/48444", "https://github.com/libuv/libuv/issues/4059"],
  axes: {
    kernel: ["5.15.89", "5.15.90", "6.1.129"],
    node: ["20.3.0"],
    env: [{}, { UV_USE_IO_URING: "0" }],
    own: { fs: ["overlay", "tmpfs"], close: ["close", "closeSync"] },
  },
  cells: {
    bad: [{ kernel: "5.15.89" }],
    control: [
      { kernel: "5.15.90" },
      { kernel: "6.1.129" },
      { kernel: "5.15.89", axes: { fs: "tmpfs" } },
      { kernel: "5.15.89", axes: { close: "closeSync" } },
      { kernel: "5.15.89", env: { UV_USE_IO_URING: "0" } },
    ],
  },
  workload: new URL("./workload/", import.meta.url),
  deadline: "3m",
  trial: observe,
  signature: ({ seen }) => seen !== undefined && isReported(seen),
  healthy: ({ seen }) => seen !== undefined && isHealthy(seen),
  summary: ({ seen, error }) =>
    seen === undefined
      ? `the programs could not be tried: ${error}`
      : `${seen.first} of ${seen.rounds} programs ran at once` +
        (seen.lasting > 0 ? `, ${seen.lasting} were still busy (ETXTBSY) after three seconds` : "") +
        (seen.briefly > 0 ? `, ${seen.briefly} after at most ${seen.longest} ms` : "") +
        (seen.other > 0 ? `, ${seen.other} failed in another way` : "") +
        (seen.lasting + seen.briefly > 0 ? `; ${seen.holders} processes had one of them open` : "") +
        (seen.ring ? "" : "; node had no ring"),
  columns: ({ seen }) => ({
    "ran at once": seen ? `${seen.first} of ${seen.rounds}` : "not run",
    "still busy after 3 s": seen ? `${seen.lasting}` : "",
    ring: seen ? (seen.ring ? "yes" : "no") : "",
  }),
});
