// A dstate that does one thing over and over, to be killed or to find its disk full: child.ts WHAT DIR [MORE...]
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lockFile } from "../../src/base/lock.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { Store } from "../../src/base/store.ts";
import { pause } from "../../src/base/wait.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { takeRoom } from "../../src/machine/lease.ts";
import { makeRunDirectory } from "../../src/machine/run-directory.ts";
import { Run } from "../../src/record/run.ts";
import { download } from "../../src/supply/download.ts";
import { contentOf, trialOf } from "./made.ts";

const [what = "", dir = "", more = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const settings = { ...readSettings(), logsDir: dir, runtimeDir: join(dir, "run"), memory: 2 ** 40 };
const context = { settings, progress: silent, signal };
const tell = (text: string): void => void process.stdout.write(`${text}\n`);

const jobs: Readonly<Record<string, () => Promise<void>>> = {
  make: async () => {
    tell("begun");
    await new Store(dir).findOrMake("entry", { within: "60s", signal }, async (draft) => {
      for (let index = 0; index < 8; index += 1) {
        await writeFile(join(draft, `file-${index}`), contentOf(index));
        tell(`wrote ${index}`);
        await pause(4);
      }
    });
    tell("made");
  },
  ledger: async () => {
    using ledger = await Ledger.open(context);
    for (let index = 0; index < Number(more || 1_000_000); index += 1) {
      ledger.addTrial("repro", trialOf(index));
      tell(`${index}`);
      if (index % 8 === 0) await pause(0);
    }
  },
  run: async () => {
    const run = await Run.open({ kind: "run", about: "fault", dir: join(dir, "a-run") }, context);
    for (;;) {
      const trial = await run.begin({ title: "a trial" });
      await trial.ended({ outcome: "clean", summary: contentOf(1).slice(0, 500), took: 1 });
      tell("trial");
    }
  },
  lease: async () => {
    using _room = await takeRoom(2 ** 39, context);
    tell("taken");
    await pause("1h");
  },
  lock: async () => {
    await using _lock = await lockFile(join(dir, "lock"), { within: "20s", signal });
    tell("locked");
    await pause("1h");
  },
  directory: async () => {
    await using made = await makeRunDirectory(settings.runtimeDir);
    await made.extend(join(dir, "layers"));
    await writeFile(join(made.own, "seed.img"), "keys");
    tell("made");
    await pause("1h");
  },
  download: async () => {
    await download(more, { to: join(dir, "file"), signal });
    tell("done");
  },
};

try {
  await jobs[what]?.();
} catch (error) {
  // What a user is told: whose fault it is, and what to do.
  const { name, message, next } = error as { name?: string; message?: string; next?: string };
  tell(`error ${JSON.stringify({ name, message, next })}`);
}
