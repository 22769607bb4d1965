import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderTrials } from "../../src/report/trials.ts";
import { type Collected, ensureFindings } from "../../src/repro/collect-evidence.ts";
import { type EvidenceFolder, openEvidence } from "../../src/repro/evidence.ts";
import type { TrialResult } from "../../src/repro/trial.ts";

describe("a trial's folder", () => {
  let folder: EvidenceFolder;
  beforeEach(async () => {
    folder = await openEvidence(await mkdtemp(join(tmpdir(), "dstate-evidence-")));
  });
  afterEach(async () => {
    await rm(folder.dir, { recursive: true, force: true });
  });
  const titles = async (): Promise<string[]> =>
    JSON.parse(await readFile(join(folder.dir, "findings.json"), "utf8")).map(
      (finding: { title: string }) => finding.title,
    );

  test("without findings gets those of its console", async () => {
    const recorded = new URL("./fixtures/recorded/sysrq-crash-6.1.115.txt", import.meta.url);
    await writeFile(join(folder.dir, "console.log"), await readFile(recorded));
    expect(await ensureFindings(folder)).toMatchObject([{ file: "findings.json" }]);
    expect(await titles()).toEqual(["kernel panic: sysrq triggered crash"]);
  });

  test("with findings from the guest keeps them", async () => {
    await writeFile(join(folder.dir, "console.log"), "[    1.000000] Kernel panic - not syncing: no\n");
    await folder.saveJson("findings.json", [{ title: "from the guest" }]);
    expect(await ensureFindings(folder)).toEqual([]);
    expect(await titles()).toEqual(["from the guest"]);
  });

  test("of a machine that never started gets none, and no error", async () => {
    expect(await ensureFindings(folder)).toEqual([]);
  });
});

describe("a trial as it is shown", () => {
  const trial = (collected: readonly Collected[]): TrialResult => ({
    repro: "x",
    cell: { kernel: "6.1.115", node: undefined, env: {}, image: "debian", axes: {} },
    outcome: "inconclusive",
    summary: "it hung",
    columns: {},
    observation: undefined,
    versions: {},
    startedAt: "2026-11-21T00:00:00.000Z",
    took: 1,
    evidence: "logs/x",
    collected,
  });

  test("says in one line what was collected and how long it took, and why something was not", () => {
    const text = renderTrials(
      [
        trial([
          { what: "registers", file: "registers.txt", ms: 40 },
          { what: "kernel log", ms: 5000, error: "waited in vain" },
          { what: "memory dump", file: "guest-memory.elf", ms: 1000, note: "open it with crash" },
        ]),
      ],
      { width: 80 },
    );
    expect(text).toContain("\n  collected in 6.0 s: registers, memory dump\n");
    expect(text).toContain("\n  not collected: kernel log: waited in vain\n");
    expect(text).toContain("\n  guest-memory.elf: open it with crash");
  });

  test("says nothing of it when there was nothing to collect", () => {
    expect(renderTrials([trial([])], { width: 80 })).not.toContain("collected");
  });
});
