import { describe, expect, test } from "vitest";
import { type CheckedCell, checkCells } from "../../src/campaign/check.ts";
import type { Tries } from "../../src/campaign/tries.ts";
import { BuildError } from "../../src/kernel/build.ts";
import type { Cell } from "../../src/lab/cell.ts";
import type { TrialResult } from "../../src/repro/trial.ts";

const { signal } = new AbortController();
const cellOf = (kernel: string): Cell => ({ kernel, node: undefined, env: {}, image: "debian", axes: {} });
const plan: CheckedCell[] = [
  { cell: cellOf("bad"), expected: "reproduced" },
  { cell: cellOf("good"), expected: "clean" },
];
const trialOf = (cell: Cell): TrialResult => ({
  repro: "x",
  cell,
  outcome: "clean",
  summary: cell.kernel,
  columns: {},
  observation: undefined,
  versions: {},
  startedAt: "2026-11-27T05:00:00.000Z",
  took: 1,
  evidence: "",
  collected: [],
});

/** Trials that end when they are told to, and what was done in which order. */
class World implements Pick<Tries, "provide" | "run" | "mustBuild"> {
  readonly done: string[] = [];
  readonly waits = new Map<string, PromiseWithResolvers<void>>();
  stopped: AbortSignal | undefined;

  wait(what: string): PromiseWithResolvers<void> {
    const known = this.waits.get(what) ?? Promise.withResolvers<void>();
    this.waits.set(what, known);
    return known;
  }

  async provide({ kernel }: Cell): Promise<void> {
    this.done.push(`get ${kernel}`);
    await this.wait(`get ${kernel}`).promise;
  }

  /** Those whose kernel has to be built. */
  building: readonly string[] = ["bad", "good"];

  mustBuild({ kernel }: Cell): boolean {
    return this.building.includes(kernel);
  }

  stall: () => void = () => {};

  async run(
    cell: Cell,
    about: { readonly onStall?: (() => void) | undefined } = {},
  ): Promise<TrialResult<never>> {
    this.stall = () => about.onStall?.();
    this.done.push(`try ${cell.kernel}`);
    this.stopped?.addEventListener("abort", () => this.wait(`try ${cell.kernel}`).reject(new Error("told")));
    await this.wait(`try ${cell.kernel}`).promise;
    this.done.push(`tried ${cell.kernel}`);
    return trialOf(cell) as TrialResult<never>;
  }
}

describe("a check", () => {
  test("runs its cells side by side, gets one kernel after the other, and keeps the cells' order", async () => {
    const world = new World();
    const trials = checkCells(plan, { jobs: 2, spare: 0 }, signal, async () => world);
    await expect.poll(() => world.done).toEqual(["get bad"]);
    world.wait("get bad").resolve();
    await expect.poll(() => [...world.done].sort()).toEqual(["get bad", "get good", "try bad"]);
    world.wait("get good").resolve();
    await expect.poll(() => world.done.at(-1)).toBe("try good");
    world.wait("try good").resolve();
    await expect.poll(() => world.done.at(-1)).toBe("tried good");
    world.wait("try bad").resolve();
    expect((await trials).map(({ summary, expected }) => [summary, expected])).toEqual([
      ["bad", "reproduced"],
      ["good", "clean"],
    ]);
  });

  test("runs one after the other where the host has room for one", async () => {
    const world = new World();
    for (const what of ["get bad", "get good", "try bad", "try good"]) world.wait(what).resolve();
    await checkCells(plan, { jobs: 1, spare: 0 }, signal, async () => world);
    expect(world.done.filter((what) => !what.startsWith("get"))).toEqual([
      ...["try bad", "tried bad", "try good", "tried good"],
    ]);
  });

  test("begins the next cell while the first one only waits, on a host with room for one that computes", async () => {
    const world = new World();
    for (const what of ["get bad", "get good"]) world.wait(what).resolve();
    const trials = checkCells(plan, { jobs: 1, spare: 1 }, signal, async () => world);
    await expect.poll(() => world.done).toContain("try bad");
    expect(world.done).not.toContain("try good");
    world.stall();
    await expect.poll(() => world.done).toContain("try good");
    for (const what of ["try good", "try bad"]) world.wait(what).resolve();
    expect(await trials).toHaveLength(2);
  });

  test("tries the cell whose kernel is there while that of the other is built, and tells them in the cells' order", async () => {
    const world = new World();
    world.building = ["bad"];
    const trials = checkCells(plan, { jobs: 1, spare: 0 }, signal, async () => world);
    await expect.poll(() => [...world.done].sort()).toEqual(["get bad", "get good"]);
    for (const what of ["get good", "try good"]) world.wait(what).resolve();
    await expect.poll(() => world.done.at(-1)).toBe("tried good");
    for (const what of ["get bad", "try bad"]) world.wait(what).resolve();
    expect((await trials).map(({ summary }) => summary)).toEqual(["bad", "good"]);
  });

  test("ends with what failed first, when the other cell has been told to stop and has ended", async () => {
    const world = new World();
    const trials = checkCells(plan, { jobs: 2, spare: 0 }, signal, async (inner) => {
      world.stopped = inner;
      return world;
    });
    const failed = expect(trials).rejects.toThrow("does not build");
    world.wait("get bad").resolve();
    await expect.poll(() => world.done).toContain("get good");
    world.wait("get good").reject(new BuildError("does not build", { compilerError: undefined }));
    await failed;
    expect(world.stopped?.aborted).toBe(true);
    expect(world.done).not.toContain("tried bad");
  });
});
