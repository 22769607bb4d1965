/** One conformance test in one layer. */
export interface TestResult {
  readonly name: string;
  /** `missing`: it did not get to say anything, because the program hung or died before it. */
  readonly state: "ok" | "not ok" | "missing";
  /** What was found, when it is not ok. */
  readonly found: string;
}

/** What conformance.c tests, and what node.mjs does; `node-exit`: it exits by itself, within the deadline. */
export const testNames: readonly string[] = [
  "eventfd-delivers",
  "pipe-delivers",
  "other-thread-wakes",
  "edge-triggered",
  "reopen-same-number",
  "reopen-mod-enoent",
  "reopen-del-enoent",
  "reopen-add",
  "reopen-delivers",
  "fionbio-file",
  "fionbio-pipe",
  "fionbio-o_path-ebadf",
  "cloexec-file",
  "cloexec-pipe",
  "setfd-o_path",
  "fioclex-o_path-ebadf",
  "fionclex-o_path-ebadf",
  "node-console-log-to-pipe",
  "node-timer",
  "node-thread-pool",
  "node-file",
  "node-worker",
  "node-exit",
];

/**
 * The results in what the programs printed: `ok NAME` or `not ok NAME: what was found`.
 *
 * @example parseResults("ok pipe-delivers\nnot ok eventfd-delivers: events 0")
 */
export function parseResults(text: string, names: readonly string[] = testNames): TestResult[] {
  const said = new Map<string, TestResult>();
  for (const line of text.split("\n")) {
    const [, state, name, found = ""] = /^(ok|not ok) ([a-z0-9_-]+)(?:: (.*))?$/.exec(line) ?? [];
    if (name !== undefined) said.set(name, { name, state: state === "ok" ? "ok" : "not ok", found });
  }
  return names.map((name) => said.get(name) ?? { name, state: "missing", found: "" });
}
