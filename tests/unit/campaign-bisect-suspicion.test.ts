import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { type Asked, bisect, stateOf } from "../../src/campaign/bisect/bisect.ts";
import { seededRandom } from "../../src/campaign/bisect/random.ts";
import { knownRate, unknownRate } from "../../src/campaign/bisect/rates.ts";
import { filesOfFunctions, functionsInStacks } from "../../src/campaign/bisect/stack-files.ts";
import { suspicions } from "../../src/campaign/bisect/suspicion.ts";

const { signal } = new AbortController();
const row = (count: number) =>
  Array.from({ length: count + 1 }, (_, index) => ({
    name: `${index}`,
    parents: index === 0 ? [] : [index - 1],
  }));

describe("a commit is the likelier to be the one", () => {
  const touched = [
    ["io_uring/tctx.c"],
    ["mm/mmap.c"],
    ["io_uring/tctx.c", "mm/mmap.c"],
    ["io_uring/rw.c"],
    [],
  ];

  test("the nearer it is to a file under suspicion, and they are as likely as ever together", () => {
    const [left, elsewhere = 0, same = 0, beside = 0, nothing] = suspicions(touched, ["io_uring/tctx.c"]);
    expect([left, same / elsewhere, beside / elsewhere, nothing]).toEqual([1, 8, 2, elsewhere]);
    expect(elsewhere + same + beside + elsewhere).toBeCloseTo(4);
  });

  test("when it changes anything in a folder under suspicion, but no folder of a longer name", () => {
    const [, elsewhere = 0, same = 0, beside = 0] = suspicions(touched, ["io_uring/"]);
    expect([same / elsewhere, beside / elsewhere]).toEqual([8, 8]);
    expect(suspicions(touched, ["io_ur"])).toEqual([1, 1, 1, 1, 1]);
  });

  test("only where a suspicion meets the range", () => {
    expect(suspicions(touched, ["fs/exec.c"])).toEqual([1, 1, 1, 1, 1]);
    expect(suspicions([[]], ["fs/exec.c"])).toEqual([1]);
  });
});

describe.each([
  ["a known rate", { prior: knownRate(1) }],
  ["an unknown rate", { prior: unknownRate() }],
  ["noise on both sides", { prior: unknownRate(), twoSided: true }],
])("with %s, a bisection", (_, how) => {
  const confidence = 0.99;
  const run = async (truth: number, suspects: readonly number[], rate: number) => {
    const random = seededRandom(7);
    const candidates = row(64);
    const weights =
      suspects.length === 0
        ? undefined
        : suspicions(
            candidates.map((_, index) => (suspects.includes(index) ? ["a.c"] : ["b/b.c"])),
            ["a.c"],
          );
    return await bisect(
      { ...how, candidates, confidence, weights, budget: 500, seconds: { build: 1, trial: 1 } },
      {
        past: () => [],
        skipped: () => undefined,
        skip: () => {},
        built: () => true,
        trial: async (candidate) => ({
          outcome: candidate >= truth && random() < rate ? "reproduced" : "clean",
          summary: "",
          evidence: "",
        }),
      },
    );
  };
  const rate = 1;

  test("takes fewer trials where the suspicion is right", async () => {
    const plain = await run(40, [], rate);
    const helped = await run(40, [3, 40, 50], rate);
    for (const { conclusion } of [plain, helped])
      expect(conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [40] } });
    expect(helped.newTrials).toBeLessThan(plain.newTrials);
  });

  test("comes to the right answer all the same where it is wrong", async () => {
    for (const truth of [1, 21, 64]) {
      const misled = await run(truth, [10, 22, 63], rate);
      expect(misled.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [truth] } });
    }
  });
});

test("what is asked for in the other direction is suspected by the same numbers", () => {
  const asked: Asked = {
    candidates: row(4),
    prior: knownRate(0.5),
    confidence: 0.99,
    weights: [1, 0.5, 2.5, 0.5, 0.5],
  };
  for (const direction of ["broke", "mended"] as const) {
    const { probability } = stateOf({ ...asked, direction }, [], []);
    const [, first = 0, second = 0] = probability;
    expect(second / first, direction).toBeCloseTo(5);
  }
});

describe("the stacks of reproductions", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-stacks-"));
    await mkdir(join(dir, "io_uring"));
    await mkdir(join(dir, "include"));
    const define = "__cold void io_uring_del_tctx_node(unsigned long index)\n{\n}\n";
    await writeFile(join(dir, "io_uring/tctx.c"), define);
    await writeFile(join(dir, "io_uring/use.c"), "void f(void)\n{\n\tio_uring_del_tctx_node(1);\n}\n");
    await writeFile(join(dir, "io_uring/say.c"), "void io_uring_del_tctx_node(unsigned long index);\n");
    await writeFile(join(dir, "include/tctx.h"), "void io_uring_del_tctx_node(unsigned long index);\n");
    const script =
      "git init -q . && git add -A && git -c user.name=t -c user.email=t@example.org commit -qm all";
    await command(["sh", "-ec", script], { within: "60s", cwd: dir });
  });
  afterAll(async () => await rm(dir, { recursive: true, force: true }));

  test("name the functions that not every stack has, and git the files that define them", async () => {
    const frame = (name: string, reliable = true) => ({ function: name, reliable });
    const findings = [
      {
        kind: "hung-task",
        title: "node",
        frames: [
          frame("__schedule"),
          frame("__mutex_lock"),
          frame("io_uring_del_tctx_node.isra.0"),
          frame("left_over", false),
          frame("do_exit"),
          frame("$(reboot)"),
        ],
      },
      { kind: "no such kind", frames: [frame("other")] },
    ];
    await writeFile(join(dir, "findings.json"), JSON.stringify(findings));
    const trial = { outcome: "reproduced", evidence: dir } as const;
    const functions = await functionsInStacks([trial, { outcome: "clean", evidence: dir }]);
    expect(functions).toContain("io_uring_del_tctx_node");
    for (const name of ["__schedule", "__mutex_lock", "left_over", "other", "$(reboot)"])
      expect(functions).not.toContain(name);
    const head = (await command(["git", "rev-parse", "HEAD"], { within: "10s", cwd: dir })).stdout.trim();
    const paths = ["io_uring/tctx.c", "io_uring/use.c", "io_uring/say.c", "include/tctx.h", "gone.c"];
    const among = { tree: dir, commit: head, paths };
    expect(await filesOfFunctions(["io_uring_del_tctx_node"], among, { signal })).toEqual([
      "io_uring/tctx.c",
    ]);
    const others = { ...among, paths: ["io_uring/use.c"] };
    expect(await filesOfFunctions(["io_uring_del_tctx_node"], others, { signal })).toEqual([]);
    expect(await filesOfFunctions(["nowhere_at_all"], among, { signal })).toEqual([]);
    expect(await filesOfFunctions([], among, { signal })).toEqual([]);
  });

  test("are none where nothing was reproduced, or the evidence is gone", async () => {
    expect(await functionsInStacks([{ outcome: "clean", evidence: dir }])).toEqual([]);
    expect(await functionsInStacks([{ outcome: "reproduced", evidence: join(dir, "gone") }])).toEqual([]);
  });
});
