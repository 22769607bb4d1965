import { expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { readSettings } from "../../src/base/settings.ts";
import { parseTrace } from "../../src/diagnose/trace.ts";
import { type CellChoice, chooseCell } from "../../src/lab/cell.ts";
import epoll from "../repros/epoll-mt-conformance/repro.ts";
import { parseResults } from "../repros/epoll-mt-conformance/results.ts";
import { summaryOf } from "../repros/io-uring-dstate/summary.ts";
import type { Observation } from "../repros/io-uring-dstate/trial.ts";
import musl from "../repros/musl-membarrier-eintr/repro.ts";
import { readTrace } from "../repros/musl-membarrier-eintr/trial.ts";
import seccomp from "../repros/seccomp-thread-create/repro.ts";
import { parseCounts } from "../repros/sockmap-fionread/counts.ts";
import tls from "../repros/static-tls-exhaustion/repro.ts";
import etxtbsy from "../repros/uring-close-etxtbsy/repro.ts";
import { isHealthy, isReported, parseRounds } from "../repros/uring-close-etxtbsy/rounds.ts";

test("a trace shows membarrier refused, signal 34, and the poll that it ended", () => {
  const traced = readTrace(
    parseTrace(
      [
        "9 membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) = -1 EPERM (Operation not permitted)",
        "9 membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) = -1 EPERM (Operation not permitted)",
        "10 poll([{fd=3, events=POLLIN}], 1, 3000 <unfinished ...>",
        "10 <... poll resumed>) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
        "10 --- SIGRT_2 {si_signo=SIGRT_2, si_code=SI_TKILL, si_pid=2, si_uid=1000} ---",
        "9 --- SIGCHLD {si_signo=SIGCHLD} ---",
      ].join("\n"),
    ),
  );
  expect(traced.refused.map(({ errno }) => errno)).toEqual(["EPERM"]);
  expect(traced.signals).toHaveLength(1);
  expect(traced.interruptedPolls).toHaveLength(1);
});

test("a test that says nothing is missing, not passed", () => {
  expect(parseResults("ok a\nnot ok b: events 0\nnoise ok c\n", ["a", "b", "c"])).toEqual([
    { name: "a", state: "ok", found: "" },
    { name: "b", state: "not ok", found: "events 0" },
    { name: "c", state: "missing", found: "" },
  ]);
});

test("a node for musl is asked of NixOS only, for npm's registry has none", async () => {
  const context: Context = {
    settings: readSettings({}),
    progress: () => {},
    signal: AbortSignal.timeout(10_000),
  };
  const check = async (choice: CellChoice): Promise<unknown> =>
    await musl.check?.(chooseCell(musl.axes, choice), context);
  await expect(check({ axes: { program: "node" } })).rejects.toThrow("no official build of node for musl");
  await check({ axes: { program: "node", libc: "glibc" } });
  const own = { image: "nixos", node: "image" } as const;
  await check({ axes: { program: "node" }, ...own });
  // A release would be found before the image's own node, and is for glibc; the addons for glibc are compiled for one.
  const release = { image: "nixos", node: "20.9.0" } as const;
  await expect(check({ axes: { program: "node" }, ...release })).rejects.toThrow("no official build of node");
  await check({ axes: { program: "node", libc: "glibc" }, ...release });
  await expect(check({ axes: { program: "node", libc: "glibc" }, ...own })).rejects.toThrow(
    "compiled for a Node release",
  );
  expect(musl.nixosSystem?.(chooseCell(musl.axes, { axes: { program: "node" } }))).toBe("musl");
  expect(musl.nixosSystem?.(chooseCell(musl.axes, {}))).toBeUndefined();
});

test.each([
  ["epoll-mt-conformance", epoll],
  ["musl-membarrier-eintr", musl],
  ["seccomp-thread-create", seccomp],
  ["static-tls-exhaustion", tls],
  ["uring-close-etxtbsy", etxtbsy],
])("every bad and control cell of %s exists, each once", (_, repro) => {
  const cells = [...repro.cells.bad, ...repro.cells.control].map((choice) => chooseCell(repro.axes, choice));
  expect(new Set(cells.map((cell) => JSON.stringify(cell))).size).toBe(cells.length);
});

/** What a trial of the flagship saw whose workload was killed at its deadline. */
function atDeadline(change: Partial<Observation> = {}): Observation {
  return {
    workload: "lstat",
    rounds: 10,
    completedRounds: 5,
    ended: { type: "deadline", working: "5 rounds" },
    endedAfter: 240_000,
    beforeKill: [],
    afterKill: { state: "reaped", signal: "SIGKILL", after: 20, threads: [] },
    hungTasks: [],
    powerOff: { state: "off", after: 1_000, waitingFor: [], stopJobs: [] },
    ...change,
  };
}

test("a workload that still worked at its deadline is told to have, and not what SIGKILL made of it", () => {
  const said = (change?: Partial<Observation>): string => summaryOf(atDeadline(change));
  expect(said()).toBe("not done after 240 s, 5 of 10 rounds, still working; power-off: off");
  const idle = { ended: { type: "deadline", working: undefined } } as const;
  expect(said(idle)).toBe("not done after 240 s, 5 of 10 rounds; power-off: off");
  const stalled = { ended: { type: "stall" }, completedRounds: 0, endedAfter: 9_000 } as const;
  expect(said(stalled)).toBe("SIGKILL left reaped: no thread; power-off: off");
});

test("what FIONREAD and epoll said is read, and anything else is nothing that was seen", () => {
  const line = '{"rounds":50,"right":0,"least":0,"most":0,"edges":50,"received":50000,"sent":50000}';
  expect(parseCounts(`noise\n${line}\n`)).toEqual(JSON.parse(line));
  expect(parseCounts("attaching the BPF program: Operation not permitted\n")).toBeUndefined();
  expect(parseCounts('{"rounds":50,"right":0}')).toBeUndefined();
});

test("a program that stays busy is the defect only if no process has it open and node has a ring", () => {
  const line = (changes: object): string =>
    JSON.stringify({
      ...{ rounds: 5, first: 0, briefly: 0, lasting: 5, other: 0, holders: 0, ring: true, longest: 3100 },
      ...changes,
    });
  const judge = (text: string): readonly boolean[] => {
    const seen = parseRounds(text);
    return seen ? [isReported(seen), isHealthy(seen)] : [];
  };
  expect(judge(`warning: something\n${line({})}\n`)).toEqual([true, false]);
  expect(judge(line({ holders: 1 }))).toEqual([false, false]);
  expect(judge(line({ ring: false }))).toEqual([false, false]);
  expect(judge(line({ lasting: 0, briefly: 5 }))).toEqual([false, false]);
  expect(judge(line({ lasting: 0, first: 5 }))).toEqual([false, true]);
  // Cut short, or not adding up: nothing that was seen.
  for (const text of [line({}).slice(0, 40), line({ first: 2 }), ""])
    expect(parseRounds(text)).toBeUndefined();
});
