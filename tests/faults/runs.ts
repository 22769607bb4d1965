import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { exitCode } from "../../src/base/errors.ts";
import { parseJson } from "../../src/base/parse-json.ts";
import { readSettings } from "../../src/base/settings.ts";
import { pause } from "../../src/base/wait.ts";
import { quote } from "../../src/guest/shell.ts";
import { listRuns, readRun, type StoredRun } from "../../src/record/read-run.ts";
import type { Chance, Fault, Injected } from "./fault.ts";
import { type Started, startProgram } from "./process.ts";
import { tickingKernel } from "./ticking.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const repro = fileURLToPath(new URL("ticking/", import.meta.url));
const command = [process.execPath, bin, "run", repro, "--kernel", tickingKernel];

/** A real `dstate run` of the ticking workload, with folders of its own for what it leaves: only the cache is shared. */
interface Place {
  readonly env: NodeJS.ProcessEnv;
  readonly logsDir: string;
  readonly runtimeDir: string;
  readonly temporary: string;
  /** The file that the run's exit code is written to. */
  readonly code: string;
}

async function placeIn(dir: string): Promise<Place> {
  const temporary = join(dir, "tmp");
  const env = { ...process.env, TMPDIR: temporary, DSTATE_LOGS: join(dir, "logs") };
  await mkdir(temporary);
  const { logsDir, runtimeDir } = readSettings(env);
  return { env, logsDir, runtimeDir, temporary, code: join(dir, "code") };
}

/** What a run's standard output and error are. `silent`: a terminal whose end no signal tells. */
type Terminal = "none" | "ordinary" | "silent";

/**
 * Start it below a shell that writes down how it ended, and that outlives the signals of its terminal: a trap, unlike
 * an ignored signal, is not handed on to children.
 *
 * @param terminal one of its own, which is gone when the program that makes it is killed.
 */
function startRun(place: Place, terminal: Terminal = "none"): Started {
  const script = `trap : HUP INT; ${command.map(quote).join(" ")}; echo $? > ${quote(place.code)}`;
  const shell = ["sh", "-c", script];
  // As in life: a terminal's end is told to the shell that leads its session, whose own end is told to all others.
  const leader = `stty cols 80 rows 24; trap : INT; ${shell.map(quote).join(" ")}; exit`;
  const line = terminal === "ordinary" ? leader : `stty cols 80 rows 24; ${script}`;
  const argv =
    terminal === "none" ? shell : ["script", "--quiet", "--return", "--command", line, "/dev/null"];
  return startProgram(argv, {
    env: { ...place.env, ...(terminal === "none" ? {} : { TERM: "xterm", SHELL: "/bin/sh" }) },
    stderr: terminal === "none",
    waitForChildren: true,
  });
}

/** A process and all that it started, itself first: what a host that is suspended stops. */
async function treeOf(root: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, "utf8").catch(() => "");
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
  }
}

const directorySchema = z.object({ also: z.array(z.string()).default([]) });

/** Everything that machines of a place have on the disk just now. */
async function machineFolders({ runtimeDir }: Place): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(runtimeDir).catch(() => [])) {
    if (!name.startsWith("m-")) continue;
    const path = join(runtimeDir, name);
    const record = directorySchema.safeParse(
      parseJson(await readFile(join(path, "owner.json"), "utf8").catch(() => "")),
    );
    found.push(path, ...(record.data?.also ?? []));
  }
  return found;
}

/** What there has to be after a run: how it ended, what its file says, and by which code. */
interface Expected {
  /** undefined: nobody was left to write it down. */
  readonly code: number | undefined;
  readonly state: StoredRun["state"];
}

const finished: Expected = { code: exitCode.clean, state: "finished" };
const interrupted: Expected = { code: exitCode.interrupted, state: "interrupted" };

/** Do something to a run whose workload has begun, and look at what it says and leaves, and at the next one. */
async function disturbed(
  dir: string,
  fault: {
    readonly terminal?: Terminal;
    readonly act: (run: Started) => Promise<void>;
    readonly expected: readonly Expected[];
  },
): Promise<Injected> {
  const place = await placeIn(dir);
  const run = startRun(place, fault.terminal);
  await run.said("the workload has begun");
  const folders = await machineFolders(place);
  if (folders.length === 0) return { outcome: "never began", wrong: run.lines.slice(-5).join(" | ") };
  await fault.act(run);
  await run.ended;
  const code = await readFile(place.code, "utf8").then(Number, () => undefined);
  const [name = ""] = await listRuns(place);
  const { record, state } = await readRun(join(place.logsDir, name));
  const said = `${code === undefined ? "" : `exit code ${code}, `}${state}`;
  const wrong =
    wrongIn(record, code) ??
    (fault.expected.some((each) => each.code === code && each.state === state)
      ? undefined
      : `${said}: ${run.lines.slice(-5).join(" | ")}`);
  return { outcome: said, wrong: wrong ?? (await wrongAfterwards(place, folders)) };
}

/** What no fault of ours may make of a workload that is healthy. */
function wrongIn({ trials }: StoredRun["record"], code: number | undefined): string | undefined {
  for (const { outcome, summary = "" } of trials) {
    if (outcome === "reproduced") return `reproduced: ${summary}`;
    if (outcome === "clean" && summary !== "exit, done") return `clean, and it was not done: ${summary}`;
  }
  const isClean = trials.length > 0 && trials.every(({ outcome }) => outcome === "clean");
  return code === exitCode.clean && !isClean ? "exit code 0, and no clean trial" : undefined;
}

/** The next run works, and then nothing of the one before is left. */
async function wrongAfterwards(place: Place, folders: readonly string[]): Promise<string | undefined> {
  const next = startRun(place);
  await next.ended;
  const code = (await readFile(place.code, "utf8")).trim();
  if (code !== "0") return `the next run: exit code ${code}: ${next.lines.slice(-5).join(" | ")}`;
  const left = [
    ...folders.filter((folder) => existsSync(folder)),
    ...(await machineFolders(place)),
    ...(await readdir(place.temporary)).filter((name) => !place.runtimeDir.endsWith(name)),
  ];
  return left.length > 0 ? `left: ${left.join(", ")}` : undefined;
}

/** A moment of a run whose workload takes two seconds, in milliseconds. */
const moment = (chance: Chance): number => chance.below(2500);

/** Ctrl-C, as the terminal of a person makes a signal of it. */
const controlC = (run: Started): void => void run.process.stdin?.write("\x03");

/**
 * Faults of a whole `dstate run`.
 *
 * @param suspended how long a host is suspended, in milliseconds.
 */
export const runFaultsWith = (suspended: (chance: Chance) => number): readonly Fault[] => [
  {
    name: "the host of a whole run is suspended, and goes on",
    holds: "clean all the same: the time in which nothing ran is nobody's stall",
    machine: true,
    inject: async (chance, dir) =>
      await disturbed(dir, {
        act: async ({ process: { pid = 0 } }) => {
          await pause(moment(chance));
          const tree = await treeOf(pid);
          signalAll(tree, "SIGSTOP");
          await pause(suspended(chance));
          signalAll(tree, "SIGCONT");
        },
        expected: [finished],
      }),
  },
  {
    name: "the terminal of a whole run is gone",
    holds: "it ends orderly, and its run says interrupted",
    machine: true,
    inject: async (chance, dir) =>
      await disturbed(dir, {
        terminal: "ordinary",
        act: async ({ process: terminal }) => {
          await pause(moment(chance));
          terminal.kill("SIGKILL");
        },
        expected: [interrupted],
      }),
  },
  {
    name: "the terminal of a whole run is gone without a word",
    holds: "it goes on to its end, with nobody who reads it",
    machine: true,
    inject: async (chance, dir) =>
      await disturbed(dir, {
        terminal: "silent",
        act: async ({ process: terminal }) => {
          await pause(moment(chance));
          terminal.kill("SIGKILL");
        },
        expected: [finished],
      }),
  },
  {
    name: "Ctrl-C is typed at a whole run",
    holds: "it ends orderly, and its run says interrupted",
    machine: true,
    inject: async (chance, dir) =>
      await disturbed(dir, {
        terminal: "ordinary",
        act: async (run) => {
          await pause(moment(chance));
          controlC(run);
        },
        expected: [interrupted],
      }),
  },
  {
    name: "Ctrl-C is typed at a whole run, twice",
    holds: "it ends at once, and nobody takes its run for one that was done",
    machine: true,
    inject: async (chance, dir) =>
      await disturbed(dir, {
        terminal: "ordinary",
        act: async (run) => {
          await pause(moment(chance));
          controlC(run);
          await run.said("once more ends at once");
          await pause(chance.below(300));
          controlC(run);
        },
        // The second one comes too late where the first has ended it.
        expected: [interrupted, { ...interrupted, state: "killed" }],
      }),
  },
  {
    name: "the parent of a whole run is killed",
    holds: "it goes on to its end",
    machine: true,
    inject: async (chance, dir) =>
      await disturbed(dir, {
        act: async ({ process: shell }) => {
          await pause(moment(chance));
          shell.kill("SIGKILL");
        },
        expected: [{ ...finished, code: undefined }],
      }),
  },
];

/** How long a host is suspended: mostly for seconds, now and then for a minute. */
const suspension = (chance: Chance): number =>
  chance.below(8) === 0 ? 60_000 : 1_000 + chance.below(14_000);

export const runFaults = runFaultsWith(suspension);
