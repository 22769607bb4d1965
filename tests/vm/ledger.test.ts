import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CommandError, command } from "../../src/base/command.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { acceleratorHere } from "../../src/campaign/accelerator-here.ts";
import { cellKey, definitionOf } from "../../src/campaign/cell-key.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { findRepro } from "../../src/repro/find.ts";
import { documentIn } from "../unit/documents.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;

test("trials of run, check and exec are in the ledger, and a matrix counts them", async ({ signal }) => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-ledger-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  await mkdir(join(dir, "repros/uname"), { recursive: true });
  await writeFile(
    join(dir, "repros/uname/repro.ts"),
    `import { defineRepro } from ${JSON.stringify(library)};
    export default defineRepro({
      id: "uname", title: "none", upstream: ["https://example.org"],
      axes: { kernel: ["6.1.129"] }, cells: { bad: [{ kernel: "6.1.129" }], control: [{}] }, deadline: "2m",
      trial: async ({ vm, signal }) => (await vm.guest.exec("uname -r", { signal })).stdout,
      signature: () => false, healthy: (said) => said.startsWith("6.1.129"), summary: (said) => said.trim(),
    });`,
  );
  const dstate = async (...argv: string[]): Promise<string> => {
    const options = { within: "5m", signal, cwd: dir, env: { DSTATE_LOGS: join(dir, "logs") } } as const;
    return await command([process.execPath, bin, ...argv], options).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        if (error instanceof CommandError && error.stdout !== "") return error.stdout;
        throw error;
      },
    );
  };
  const run = documentIn("run", await dstate("run", "uname", "--json"));
  expect(run).toMatchObject({
    repro: "uname",
    outcome: "clean",
    exitCode: 0,
    trials: [{ outcome: "clean" }],
  });
  const check = documentIn("check", await dstate("check", "uname", "--json"));
  expect(check).toMatchObject({ asExpected: false, exitCode: 1, trials: [{ expected: "reproduced" }, {}] });
  using ledger = await Ledger.open({ settings: { logsDir: join(dir, "logs") }, progress: silent, signal });
  const definition = await definitionOf(await findRepro(join(dir, "repros/uname")));
  const trials = ledger.trialsOfDefinition(definition);
  expect(trials.map(({ ranBy, outcome }) => `${ranBy} ${outcome}`)).toEqual([
    "run clean",
    "check clean",
    "check clean",
  ]);
  const accelerator = await acceleratorHere({ settings: readSettings(), progress: silent, signal });
  const cell = { kernel: "6.1.129", node: undefined, env: {}, image: "debian", axes: {} } as const;
  expect(ledger.trialsOf(cellKey(definition, cell, { accelerator }))).toHaveLength(3);
  // Asked for no more than there are, it runs none.
  const matrix = await dstate("matrix", "uname", "--kernel", "6.1.129", "--trials", "3", "--full", "--json");
  expect(documentIn("matrix", matrix)).toMatchObject({ cells: [{ trials: [{}, {}, {}] }] });
  expect(ledger.trialsOfDefinition(definition)).toHaveLength(3);
  for (const word of ["true", "false", "true"])
    await dstate("exec", "--kernel", "6.1.129", "--json", "--", word);
  using database = new DatabaseSync(join(dir, "logs/ledger.sqlite"));
  const commands = database
    .prepare("SELECT cell, outcome, ranBy FROM trials WHERE repro = 'exec' ORDER BY id")
    .all();
  expect(commands.map(({ outcome, ranBy }) => `${ranBy} ${outcome}`)).toEqual([
    "exec clean",
    "exec reproduced",
    "exec clean",
  ]);
  // The same command counts together.
  expect(commands[0]?.cell).toBe(commands[2]?.cell);
  expect(commands[0]?.cell).not.toBe(commands[1]?.cell);
});
