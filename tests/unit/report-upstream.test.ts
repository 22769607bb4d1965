import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { readRun, type StoredRun } from "../../src/record/read-run.ts";
import type { BisectRecord } from "../../src/record/run-record.ts";
import { type UpstreamFacts, upstreamFacts } from "../../src/report/upstream/facts.ts";
import { renderMail } from "../../src/report/upstream/mail.ts";
import { renderMarkdown } from "../../src/report/upstream/markdown.ts";
import { recipientsOf } from "../../src/report/upstream/recipients.ts";
import { regzbotLine } from "../../src/report/upstream/regzbot.ts";

const flagship = fileURLToPath(new URL("fixtures/runs/flagship", import.meta.url));
const { signal } = new AbortController();
// A cache of its own: whether source lines are known does not depend on what else was done on this host.
const cacheDir = join(tmpdir(), "dstate-upstream-no-cache");
const context = { settings: { ...readSettings(), cacheDir }, progress: silent, signal };
let run: StoredRun;
let facts: UpstreamFacts;
let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-upstream-"));
  run = await readRun(flagship);
  const found = await upstreamFacts(run, context);
  if (!found) throw new Error("the flagship's run reproduced");
  facts = found;
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

function bisection(range: string, names: readonly string[], found = true): BisectRecord {
  const candidates = names.map((name, index) => ({
    name,
    detail: "",
    probability: index === names.length - 1 ? 0.99 : 0.001,
    reproduced: 0,
    clean: 0,
    skipped: false,
  }));
  return { id: "1", range, confidence: 0.99, conclusion: "it is", found, candidates, history: [] };
}

const nobody = { people: [], lists: [] };

describe("a report to a kernel list", () => {
  test("has two sentences, steps, rates with their trials, controls, traces, versions and how to run it again", () => {
    const mail = renderMail(facts, {
      people: ["Jens Axboe <axboe@kernel.dk>"],
      lists: ["io-uring@vger.kernel.org", "stable@vger.kernel.org"],
    });
    for (const said of [
      "To: Jens Axboe <axboe@kernel.dk>\nCc: io-uring@vger.kernel.org,\n    stable@vger.kernel.org",
      "Subject: [BUG] Linux 6.1.115: INFO: task hung in io_sq_thread",
      "Seen in 1 of 1 trial",
      "- kernel 6.1.129 instead of 6.1.115: 0 of 1 trial (true rate below 79 %)",
      "node lstat.mjs 10",
      "The machine does not power off: stuck.",
      "  io_uring_del_tctx_node+0x54/0xa5",
      'import { lstat } from "node:fs/promises";',
      "dstate run io-uring-dstate --kernel 6.1.115",
    ])
      expect(mail).toContain(said);
  });

  test("keeps to 72 columns but for traces, programs and commands", () => {
    const mail = renderMail({ ...facts, traces: [], programs: [], rerun: "", upstream: [] }, nobody);
    expect(mail.split("\n").filter((line) => line.length > 72)).toEqual([]);
    const trace = renderMail(facts, nobody);
    expect(trace).toContain(
      "task:node            state:D stack:0     pid:130   ppid:128    flags:0x00004006",
    );
  });

  test("claims nothing that was not run: no controls without clean trials, no culprit without a bisection", async () => {
    const alone = { ...run, record: { ...run.record, trials: run.record.trials.slice(0, 1) } };
    const found = await upstreamFacts(alone, context);
    if (!found) throw new Error("it reproduced");
    const mail = renderMail(found, nobody);
    expect(mail).not.toContain("Not seen");
    expect(mail).not.toContain("not in");
    expect(mail).not.toContain("regzbot");
    const untried = {
      ...facts.rates[1],
      title: "x",
      change: "kernel 9.9",
      bad: 0,
      good: 0,
      undecided: 0,
      low: 0,
      high: 1,
    };
    expect(renderMail({ ...facts, rates: [...facts.rates, untried] }, nobody)).not.toContain("kernel 9.9");
    const clean = { ...run, record: { ...run.record, trials: run.record.trials.slice(1) } };
    expect(await upstreamFacts(clean, context)).toBeUndefined();
  });
});

describe("the regression bot's line", () => {
  test.each([
    [
      "names the commit that a bisection found",
      bisection("git v6.1.106..v6.1.115", ["aaaaaaaaaaaa first", "0123456789ab io_uring: check"]),
      "#regzbot introduced: 0123456789ab",
    ],
    [
      "names the releases that the first bad one lies between",
      bisection("kernel 6.1.114..6.1.115", ["6.1.114", "6.1.115"]),
      "#regzbot introduced: v6.1.114..v6.1.115",
    ],
    ["is left out for Node releases", bisection("node 20.2.0..20.3.0", ["20.2.0", "20.3.0"]), undefined],
    [
      "is left out while nothing was found",
      bisection("git a..b", ["aaaaaaaaaaaa", "bbbbbbbbbbbb"], false),
      undefined,
    ],
  ])("%s", (_name, bisect, line) => {
    expect(regzbotLine(bisect)).toBe(line);
    const mail = renderMail({ ...facts, bisect }, nobody);
    // The bot wants it on a line of its own.
    expect(mail.split("\n").includes(line ?? "#regzbot")).toBe(line !== undefined);
    expect(mail.includes("Subject: [REGRESSION] Linux 6.1.115")).toBe(line !== undefined);
  });
});

test("rates of a matrix have its own intervals, which allow for cells that were stopped early", async () => {
  const cells = run.record.trials.map(({ cell, outcome }) => ({
    cell: cell ?? { kernel: "", env: {}, image: "debian", axes: {} },
    verdict: "fails",
    open: true,
    reproduced: outcome === "reproduced" ? 1 : 0,
    clean: outcome === "clean" ? 1 : 0,
    inconclusive: 0,
    infraErrors: 0,
    earlier: 0,
    low: outcome === "reproduced" ? 0.03 : 0,
    high: outcome === "reproduced" ? 1 : 0.97,
  }));
  const matrix = { trials: 5, confidence: 0.95, cells };
  const found = await upstreamFacts({ ...run, record: { ...run.record, matrix } }, context);
  if (!found) throw new Error("a trial reproduced");
  const mail = renderMail(found, nobody);
  expect(mail).toContain("true rate\n  above 3 %");
  expect(mail).toContain("0 of 1 trial (true rate below 97 %)");
});

describe("a report to a tracker", () => {
  test("keeps what a guest said from being markup, a mention, a reference or the end of a block", () => {
    const evil = "@torvalds fixes #1 </details><img src=x> *b* ```\n~~~";
    const markdown = renderMarkdown(
      {
        ...facts,
        summary: evil,
        steps: [`In the guest: echo \`${evil}\``],
        traces: [{ decoded: false, lines: ["```", "````", "@torvalds"] }],
      },
      { fold: true },
    );
    const outside = markdown
      .replace(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, "")
      .replace(/(`+)(?!`)[\s\S]*?\1/g, "");
    expect(outside).not.toMatch(/@torvalds|<img|[^&]#1\b/);
    expect(markdown).toContain("`````\n```\n````\n@torvalds\n`````");
    expect(markdown).toContain("</details>");
  });

  test("folds its traces where the tracker can, and has headings where it cannot", () => {
    expect(renderMarkdown(facts, { fold: true })).toContain("<summary>Trace: INFO: task node:130 blocked");
    expect(renderMarkdown(facts, { fold: false })).not.toContain("<details>");
  });
});

test("recipients are those that a kernel tree's own script names for the files of the blamed functions", async () => {
  await mkdir(join(dir, "scripts"));
  await mkdir(join(dir, "io_uring"));
  await writeFile(join(dir, "io_uring/sqpoll.c"), "static int io_sq_thread(void *data)\n{\n\treturn 0;\n}\n");
  await writeFile(join(dir, "io_uring/other.c"), "int other(void)\n{\n\tio_sq_thread(0);\n}\n");
  const script = join(dir, "scripts/get_maintainer.pl");
  await writeFile(script, 'print join(" ", grep { !/^-/ } @ARGV), "\\n<a\\@b.example>\\n";\n');
  await chmod(script, 0o755);
  const found = await recipientsOf(facts, dir, context);
  expect(found.files).toEqual(["io_uring/sqpoll.c"]);
  expect(found.people).toEqual(["<a@b.example>"]);
  // It was seen on a release of a stable series, and no bisection says that it is a regression.
  expect(found.lists).toEqual(["io_uring/sqpoll.c", "stable@vger.kernel.org"]);
  const bisect = bisection("kernel 6.1.114..6.1.115", ["6.1.114", "6.1.115"]);
  const { lists } = await recipientsOf({ ...facts, bisect }, dir, context);
  expect(lists).toContain("regressions@lists.linux.dev");
  await expect(recipientsOf(facts, tmpdir(), context)).rejects.toThrow("is no kernel tree");
});
