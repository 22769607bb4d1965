import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { messageOf } from "../../src/base/errors.ts";
import { sha256OfFile } from "../../src/base/hash-file.ts";
import { lockFile } from "../../src/base/lock.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { Store } from "../../src/base/store.ts";
import { pause } from "../../src/base/wait.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { takeRoom } from "../../src/machine/lease.ts";
import { reap } from "../../src/machine/run-directory.ts";
import { readRun } from "../../src/record/read-run.ts";
import { download } from "../../src/supply/download.ts";
import { type Chance, damage, type Fault, type Injected } from "./fault.ts";
import { contentOf, trialOf } from "./made.ts";
import { onSmallDisk, type Started, start } from "./process.ts";

const contextIn = (dir: string, signal: AbortSignal, memory = 2 ** 40) => ({
  settings: { ...readSettings(), logsDir: dir, runtimeDir: join(dir, "run"), memory },
  progress: silent,
  signal,
});

/** Find or make the entry as the next dstate would, and say what is wrong with it. */
async function useEntry(dir: string, signal: AbortSignal): Promise<string | undefined> {
  const entry = await new Store(dir).findOrMake("entry", { within: "60s", signal }, async (draft) => {
    for (let index = 0; index < 8; index += 1)
      await writeFile(join(draft, `file-${index}`), contentOf(index));
  });
  for (let index = 0; index < 8; index += 1)
    if ((await readFile(join(entry.dir, `file-${index}`), "utf8")) !== contentOf(index))
      return `file-${index} is not what was made`;
  await new Store(dir).sweep();
  const drafts = (await readdir(dir)).filter((name) => name.startsWith(".draft"));
  return drafts.length > 0 ? `drafts are left: ${drafts.join(", ")}` : undefined;
}

function kill({ process: child }: Started, signal: NodeJS.Signals = "SIGKILL"): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
}

/** Of a child: the error that its user was told. */
function errorOf(lines: readonly string[]): { name?: string; message?: string; next?: string } | undefined {
  const line = lines.find((each) => each.startsWith("error "));
  return line === undefined ? undefined : JSON.parse(line.slice(6));
}

function expectHostFailure(lines: readonly string[], words: RegExp): Injected {
  const error = errorOf(lines);
  if (!error) return { outcome: "went through", wrong: undefined };
  const told = `${error.message} ${error.next}`;
  const wrong = !words.test(told) ? `it was told as: ${told}` : undefined;
  return { outcome: "told as a full disk", wrong };
}

async function withServer<T>(
  answer: Parameters<typeof createServer>[1],
  work: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    return await work(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/file`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A download that a server spoils: no file is there afterwards but the right one, and the next one works. */
async function spoilt(
  dir: string,
  signal: AbortSignal,
  bad: (path: string, response: import("node:http").ServerResponse, content: Buffer) => void,
): Promise<Injected> {
  const content = Buffer.from(contentOf(4));
  const right = join(dir, "right");
  await writeFile(right, content);
  const sha256 = await sha256OfFile(right);
  let isBad = true;
  return await withServer(
    (request, response) => {
      if (isBad) bad(request.url ?? "", response, content);
      else response.end(content);
    },
    async (url) => {
      const get = async () => await download(url, { to: join(dir, "file"), sha256, signal, silence: 400 });
      const first = await get().then(
        ({ type }) => type,
        (error: unknown) => (error instanceof Error ? error.name : String(error)),
      );
      const left = (await readdir(dir)).filter((name) => name.startsWith("file"));
      if (first === "done") {
        const same = (await sha256OfFile(join(dir, "file"))) === sha256;
        return { outcome: "whole all the same", wrong: same ? undefined : "another file was taken" };
      }
      isBad = false;
      if (left.length > 0) return { outcome: first, wrong: `left: ${left.join(", ")}` };
      const again = await get().then(
        ({ type }) => type,
        (error: unknown) => messageOf(error),
      );
      const wrong = !["InfraError", "UnreachableError", "missing"].includes(first)
        ? `it was told as ${first}`
        : again === "done"
          ? undefined
          : `the next download: ${again}`;
      return { outcome: first === "missing" ? "told as missing" : "told as the network's", wrong };
    },
  );
}

async function ledgerTrials(dir: string, signal: AbortSignal): Promise<number> {
  using ledger = await Ledger.open(contextIn(dir, signal));
  ledger.addTrial("repro", { ...trialOf(0), cell: "the next" });
  let count = 0;
  for (let cell = 0; cell < 7; cell += 1) count += ledger.trialsOf(`cell-${cell}`).length;
  if (ledger.trialsOf("the next").length === 0) throw new Error("the next trial is not there");
  return count;
}

/** Faults of processes, files, disks and the network: no machine is started. */
export const fileFaults: readonly Fault[] = [
  {
    name: "a maker of a cache entry is killed",
    holds: "the next one makes it whole, and no draft is left",
    inject: async (chance, dir, signal) => {
      const maker = start(["make", dir]);
      await maker.said(1 + chance.below(9));
      await pause(chance.below(6));
      kill(maker);
      await maker.ended;
      const made = maker.lines.includes("made");
      return { outcome: made ? "it was made" : "it was not made", wrong: await useEntry(dir, signal) };
    },
  },
  {
    name: "of two to five makers of an entry one is killed",
    holds: "all others have it, whole",
    inject: async (chance, dir, signal) => {
      const makers = Array.from({ length: 2 + chance.below(4) }, () => start(["make", dir]));
      await makers[0]?.said(1 + chance.below(9));
      const victim = makers[chance.below(makers.length)];
      if (victim) kill(victim);
      await Promise.all(makers.map(async ({ ended }) => await ended));
      const without = makers.filter((maker) => maker !== victim && !maker.lines.includes("made"));
      const wrong = without.length > 0 ? `${without.length} of the others had nothing` : undefined;
      return { outcome: "the others have it", wrong: wrong ?? (await useEntry(dir, signal)) };
    },
  },
  {
    name: "a maker is stopped and goes on",
    holds: "whoever waits gets the entry, whole",
    inject: async (chance, dir, signal) => {
      const maker = start(["make", dir]);
      await maker.said(1 + chance.below(9));
      kill(maker, "SIGSTOP");
      const other = useEntry(dir, signal);
      await pause(50 + chance.below(200));
      kill(maker, "SIGCONT");
      const wrong = await other;
      await maker.ended;
      return {
        outcome: "both have it",
        wrong: wrong ?? (maker.lines.includes("made") ? undefined : "not made"),
      };
    },
  },
  ...(["file-3", "manifest.json"] as const).map(
    (name): Fault => ({
      name: `${name === "file-3" ? "a file" : "the manifest"} of a cache entry is torn`,
      holds: "it is made anew, and nobody gets the torn one",
      inject: async (chance, dir, signal) => {
        await useEntry(dir, signal);
        const path = join(dir, "entry", name);
        const torn = damage(await readFile(path), chance);
        await pause(2);
        await writeFile(path, torn);
        return { outcome: "made anew", wrong: await useEntry(dir, signal) };
      },
    }),
  ),
  {
    name: "the disk is full while an entry is made",
    holds: "it is told as a full disk, and nothing half made is there",
    inject: async (chance, dir) => {
      const maker = start(["make", dir], onSmallDisk(dir, 8 + chance.below(90)));
      await maker.ended;
      return expectHostFailure(maker.lines, /space|full/i);
    },
  },
  {
    name: "the disk is full while the ledger is written",
    holds: "it is told as a full disk",
    inject: async (chance, dir) => {
      const writer = start(["ledger", dir, "4000"], onSmallDisk(dir, 60 + chance.below(400)));
      await writer.ended;
      return expectHostFailure(writer.lines, /space|full/i);
    },
  },
  {
    name: "the disk is full while something is downloaded",
    holds: "it is told as a full disk",
    inject: async (chance, dir) =>
      await withServer(
        (_request, response) => void response.end(Buffer.alloc(2 ** 20, "x")),
        async (url) => {
          const getter = start(["download", dir, url], onSmallDisk(dir, 4 + chance.below(900)));
          await getter.ended;
          const got = expectHostFailure(getter.lines, /disk is full/);
          return got.outcome === "went through"
            ? { ...got, wrong: "more was written than there is room" }
            : got;
        },
      ),
  },
  {
    name: "a writer of the ledger is killed",
    holds: "every trial that it had told of is there",
    inject: async (chance, dir, signal) => {
      const writer = start(["ledger", dir]);
      await writer.said(1 + chance.below(300));
      kill(writer);
      await writer.ended;
      const told = writer.lines.length;
      const found = await ledgerTrials(dir, signal);
      const wrong = found < told ? `${told} were told of, ${found} are there` : undefined;
      return { outcome: "nothing is lost", wrong };
    },
  },
  {
    name: "of two or three writers of one ledger one is killed",
    holds: "every trial that any of them had told of is there",
    inject: async (chance, dir, signal) => {
      const writers = Array.from({ length: 2 + chance.below(2) }, () => start(["ledger", dir, "60"]));
      const [victim] = writers;
      await victim?.said(1 + chance.below(50));
      if (victim) kill(victim);
      await Promise.all(writers.map(async ({ ended }) => await ended));
      const failed = writers.flatMap(({ lines }) => errorOf(lines) ?? []);
      const told = writers.reduce(
        (sum, { lines }) => sum + lines.filter((line) => /^\d/.test(line)).length,
        0,
      );
      const found = await ledgerTrials(dir, signal);
      const wrong =
        failed.length > 0
          ? `a writer failed: ${failed[0]?.message}`
          : found < told
            ? `${told} were told of, ${found} are there`
            : undefined;
      return { outcome: "nothing is lost", wrong };
    },
  },
  {
    name: "the ledger is torn",
    holds: "it is used as far as it is whole, or set aside and told of; the next trial is written",
    inject: async (chance, dir, signal) => {
      const writer = start(["ledger", dir, "200"]);
      await writer.ended;
      const path = join(dir, "ledger.sqlite");
      await writeFile(path, damage(await readFile(path), chance));
      await ledgerTrials(dir, signal);
      const aside = (await readdir(dir)).some((name) => name.includes(".torn-"));
      return { outcome: aside ? "set aside" : "used on" };
    },
  },
  {
    name: "the leases are torn",
    holds: "the next machine is given memory",
    inject: async (chance, dir, signal) => {
      const context = contextIn(dir, signal);
      (await takeRoom(2 ** 30, context))[Symbol.dispose]();
      const path = join(dir, "run", "leases.sqlite");
      await writeFile(path, damage(await readFile(path), chance));
      (await takeRoom(2 ** 30, context, { within: "5s" }))[Symbol.dispose]();
      return { outcome: "given" };
    },
  },
  {
    name: "a process with most of the memory is killed",
    holds: "the next one has it at once",
    inject: async (chance, dir, signal) => {
      const holder = start(["lease", dir]);
      await holder.said(1);
      const wait = takeRoom(2 ** 40 - 2 ** 32, contextIn(dir, signal), { within: "20s" });
      await pause(chance.below(100));
      kill(holder);
      await holder.ended;
      (await wait)[Symbol.dispose]();
      return { outcome: "given" };
    },
  },
  {
    name: "the holder of a lock is killed",
    holds: "the next one has it at once",
    inject: async (chance, dir, signal) => {
      const holder = start(["lock", dir]);
      await holder.said(1);
      const wait = lockFile(join(dir, "lock"), { within: "20s", signal });
      await pause(chance.below(60));
      kill(holder);
      await holder.ended;
      await (await wait)[Symbol.asyncDispose]();
      return { outcome: "given" };
    },
  },
  {
    name: "a process with a machine's folder is killed",
    holds: "the next start removes it, with its keys and what lies elsewhere",
    inject: async (chance, dir) => {
      await mkdir(join(dir, "layers"));
      const owner = start(["directory", dir]);
      await owner.said(1);
      await pause(chance.below(20));
      kill(owner);
      await owner.ended;
      await reap(join(dir, "run"));
      const left = [...(await readdir(join(dir, "run"))), ...(await readdir(dir))].filter(
        (name) => name.startsWith("m-") || name === "layers",
      );
      return { outcome: "removed", wrong: left.length > 0 ? `left: ${left.join(", ")}` : undefined };
    },
  },
  {
    name: "a process that writes a run is killed",
    holds: "run.json is readable, and has every trial that had ended",
    inject: async (chance, dir) => {
      const writer = start(["run", dir]);
      await writer.said(1 + chance.below(40));
      kill(writer);
      await writer.ended;
      const { record } = await readRun(join(dir, "a-run"));
      const told = writer.lines.length;
      const ended = record.trials.filter(({ outcome }) => outcome === "clean").length;
      const wrong = ended < told ? `${told} trials had ended, ${ended} are there` : undefined;
      return { outcome: "readable", wrong };
    },
  },
  {
    name: "run.json is torn",
    holds: "it is told in a sentence, or read as it is: never a crash",
    inject: async (chance, dir, signal) => {
      const writer = start(["run", dir]);
      await writer.said(3);
      kill(writer);
      await writer.ended;
      const path = join(dir, "a-run", "run.json");
      await writeFile(path, damage(await readFile(path), chance));
      signal.throwIfAborted();
      return await readRun(join(dir, "a-run")).then(
        () => ({ outcome: "read" }),
        (error: unknown) => ({
          outcome: "told",
          wrong:
            error instanceof Error && /UsageError|InfraError/.test(error.name) ? undefined : String(error),
        }),
      );
    },
  },
  {
    name: "a download is cut short",
    holds: "no part of it is taken for all of it",
    inject: async (chance, dir, signal) =>
      await spoilt(dir, signal, (_path, response, content) => {
        response.setHeader("content-length", content.length);
        response.write(content.subarray(0, chance.below(content.length)));
        setTimeout(() => response.destroy(), chance.below(10));
      }),
  },
  {
    name: "a download stops, or is slow",
    holds: "silence ends it; slowness does not",
    inject: async (chance, dir, signal) =>
      await spoilt(dir, signal, (_path, response, content) => {
        const cut = chance.below(content.length);
        response.setHeader("content-length", content.length);
        response.write(content.subarray(0, cut));
        if (chance.below(2) === 0) setTimeout(() => response.end(content.subarray(cut)), 100);
      }),
  },
  {
    name: "a download is another file",
    holds: "it is not taken",
    inject: async (chance, dir, signal) =>
      await spoilt(dir, signal, (_path, response, content) => {
        const other = Buffer.from(content);
        const at = chance.below(other.length);
        other[at] = (other[at] ?? 0) ^ (1 + chance.below(255));
        response.end(other);
      }),
  },
  {
    name: "a server errs or sends elsewhere",
    holds: "nothing that it sends in place of the file is taken",
    inject: async (chance, dir, signal) => {
      const status = [301, 302, 307, 403, 404, 410, 416, 500, 503][chance.below(9)] ?? 500;
      return await spoilt(dir, signal, (path, response) => {
        response.writeHead(status, status < 400 ? { location: chance.below(2) === 0 ? path : "/else" } : {});
        response.end("<html>not the file</html>");
      });
    },
  },
  {
    name: "the clock is set back while things are made",
    holds: "entries of the future are used, and none is made twice",
    inject: async (chance, dir, signal) => {
      await useEntry(dir, signal);
      const path = join(dir, "entry", "manifest.json");
      const manifest = JSON.parse(await readFile(path, "utf8"));
      const later = new Date(Date.now() + (1 + chance.below(1000)) * 3600_000).toISOString();
      await writeFile(path, JSON.stringify({ ...manifest, createdAt: later }));
      await cp(path, join(dir, "before"));
      const wrong = await useEntry(dir, signal);
      const same = (await readFile(path, "utf8")) === (await readFile(join(dir, "before"), "utf8"));
      return { outcome: "used on", wrong: wrong ?? (same ? undefined : "it was made twice") };
    },
  },
];

/** @internal for the short version. */
export type { Chance };
