import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { readSettings } from "../../src/base/settings.ts";
import { confirmAnswer } from "../../src/campaign/bisect/confirm.ts";
import { otherFailures } from "../../src/campaign/bisect/other-failures.ts";
import { isSameAsParent } from "../../src/campaign/bisect/same-kernel.ts";
import { type Campaign, Ledger } from "../../src/campaign/ledger.ts";
import type { KernelAbout } from "../../src/kernel/kernel.ts";
import { kernelStore } from "../../src/kernel/stored.ts";
import type { Cell } from "../../src/lab/cell.ts";
import { describeAnswer } from "../../src/report/bisect-answer.ts";
import type { Outcome } from "../../src/repro/outcome.ts";
import type { TrialResult } from "../../src/repro/trial.ts";

const id = (digit: string): string => digit.repeat(40);
const cellOf = (digit: string): Cell => ({
  kernel: `git:/src/linux@${id(digit)}`,
  node: undefined,
  env: {},
  image: "debian",
  axes: {},
});

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-answer-"));
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe("an answer is confirmed on the right end without it", () => {
  const confirm = async (direction: "broke" | "mended", outcome: Outcome) => {
    const kernels: string[] = [];
    const run = async (cell: Cell): Promise<TrialResult> => {
      kernels.push(cell.kernel);
      return {
        repro: "x",
        cell,
        outcome,
        summary: "",
        columns: {},
        observation: undefined,
        versions: {},
        startedAt: "",
        took: 1,
        evidence: "",
        collected: [],
      };
    };
    const asked = { end: cellOf("b"), commit: id("a"), rate: 0.8, direction };
    return { confirmation: await confirmAnswer(asked, { run }), kernels };
  };

  test.each([
    ["broke", "clean", { type: "confirmed", trials: 2 }],
    ["broke", "reproduced", { type: "refuted", trials: 1 }],
    ["mended", "reproduced", { type: "confirmed", trials: 1 }],
    ["mended", "clean", { type: "refuted", trials: 2 }],
  ] as const)("what %s it, taken back, is %s: %j", async (direction, outcome, expected) => {
    const { confirmation, kernels } = await confirm(direction, outcome);
    expect(confirmation).toEqual(expected);
    expect(kernels[0]).toBe(`git:/src/linux@${id("b")}+revert=${id("a")}`);
  });

  test("trials that cannot be judged leave it open, and end", async () => {
    expect((await confirm("broke", "inconclusive")).confirmation).toMatchObject({ type: "open", trials: 40 });
  });

  test("a commit that cannot be taken back leaves it open, with the reason", async () => {
    const run = async (): Promise<never> => {
      throw new InfraError("it conflicts\nmore");
    };
    const asked = { end: cellOf("b"), commit: id("a"), rate: 0.8, direction: "broke" } as const;
    expect(await confirmAnswer(asked, { run })).toEqual({ type: "open", trials: 0, why: "it conflicts" });
  });
});

test("a crash with another signature is told apart, with its candidates and a folder, and counts for nothing", async () => {
  using ledger = Ledger.inMemory();
  const evidence = async (name: string, findings: string): Promise<string> => {
    const folder = join(dir, name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "findings.json"), findings);
    return folder;
  };
  const add = (cell: string, outcome: Outcome, folder: string): void =>
    ledger.addTrial("x", {
      cell,
      outcome,
      summary: "",
      evidence: folder,
      startedAt: "",
      took: 1,
      ranBy: "bisect",
    });
  const other = await evidence(
    "other",
    JSON.stringify([{ title: "BUG: unable to handle\u001b page" }, { title: "second" }]),
  );
  add("a", "inconclusive", other);
  add("b", "inconclusive", other);
  add("b", "inconclusive", await evidence("quiet", "[]"));
  add("b", "inconclusive", join(dir, "gone"));
  add("b", "inconclusive", await evidence("torn", "{"));
  add("b", "clean", other);
  const campaign: Campaign = {
    repro: "x",
    range: "a..b",
    confidence: 0.99,
    candidates: [
      { name: "6.1.1", detail: "", cell: "a", parents: [] },
      { name: "6.1.2", detail: "", cell: "b", parents: [0] },
    ],
  };
  const others = await otherFailures(campaign, ledger);
  expect(others).toMatchObject([{ trials: 2, candidates: ["6.1.1", "6.1.2"], evidence: other }]);
  const [text = ""] = describeAnswer({ others });
  expect(text).toContain("BUG: unable to handle");
  expect(text).not.toContain("\u001b");
});

test("an answer whose kernel is its parent's, to the bit, is called noise", async () => {
  const context = { settings: { ...readSettings(), cacheDir: join(dir, "cache") } };
  for (const [digit, bits] of [
    ["a", "one"],
    ["b", "one"],
    ["c", "two"],
  ] as const)
    await kernelStore(context).findOrMake(
      `git-${digit}`,
      { within: "10s", signal: new AbortController().signal },
      async (folder) => {
        await writeFile(join(folder, "vmlinux"), bits);
        const about: KernelAbout = {
          kind: "git",
          selector: cellOf(digit).kernel,
          version: "6.1.1",
          boot: "vmlinux",
          provenance: "a test",
        };
        return about;
      },
    );
  const candidates = ["a", "b", "c", "d"].map((digit, index) => ({
    name: digit,
    detail: "",
    cell: cellOf(digit),
    parents: index === 0 ? [] : [index - 1],
  }));
  expect(await isSameAsParent(candidates, 1, context)).toBe(true);
  expect(await isSameAsParent(candidates, 2, context)).toBe(false);
  expect(await isSameAsParent(candidates, 3, context)).toBeUndefined();
  expect(describeAnswer({ sameAsParent: true, others: [] })[0]).toContain("the answer is noise");
});
