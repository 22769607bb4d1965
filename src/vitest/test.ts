import { format } from "node:util";
import { type TestContext, test as vitestTest } from "vitest";
import type { Context } from "../base/context.ts";
import { lengthOf, mostStretch, type Within } from "../base/deadline.ts";
import type { Duration } from "../base/duration.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { type CellOptions, contextOf, openVm } from "../lab/open.ts";
import type { MachineShape } from "../lab/shape.ts";
import { shapeOf } from "../lab/shape.ts";
import type { Vm } from "../lab/vm.ts";
import { takeRoom } from "../machine/lease.ts";
import { Run } from "../record/run.ts";
import { aboutMachine } from "../repro/trial.ts";
import { Attempt } from "./evidence.ts";

/** The machine of a test, and how long its body may take. */
export interface VmTestOptions extends CellOptions, MachineShape {
  /** Environment of every command in the guest. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly network?: "isolated" | "user" | undefined;
  /** Boot, and neither use nor make a frozen machine. */
  readonly cold?: boolean | undefined;
  /** When the test fails, also save the guest's memory with the rest of the evidence. */
  readonly memoryDump?: boolean | undefined;
  /**
   * Of the test's body. Default: 5 minutes that the host gives, so that a busy one fails no test. What has to be fetched or built before, and other machines that take
   * the host's memory meanwhile, do not count.
   */
  readonly within?: Duration | undefined;
}

/** What a test's body is handed. */
export interface VmTest {
  readonly vm: Vm;
  /** Aborts at the deadline, or when vitest ends the test. */
  readonly signal: AbortSignal;
  readonly context: Context;
}

/** What vitest itself hands to a test, beside ours. */
type Given<More> = Omit<TestContext, keyof VmTest> & VmTest & More;

/**
 * vitest's `test` for tests with a machine of their own: after the name comes the machine.
 *
 * @example
 * test("a fixed kernel boots", { kernel: "6.1.129" }, async ({ vm }) => {
 *   expect((await vm.$`uname -r`).stdout).toContain("6.1.129");
 * });
 */
export interface VmTestApi<More extends object = object> {
  (name: string, options: VmTestOptions, body: (given: Given<More>) => Promise<void>): void;
  /** Only this test of the file. */
  readonly only: VmTestApi<More>;
  readonly skip: VmTestApi<More>;
  /** Beside other concurrent tests, as far as the host's memory goes. */
  readonly concurrent: VmTestApi<More>;
  skipIf(condition: unknown): VmTestApi<More>;
  runIf(condition: unknown): VmTestApi<More>;
  /**
   * One test for each value: `%s` in the name is the value, `$key` a property of it. The machine may depend on it.
   *
   * @example test.each(["6.1.106", "6.1.129"])("%s is clean", (kernel) => ({ kernel }), async ({ vm }, kernel) => {});
   */
  each<Value>(
    values: readonly Value[],
  ): (
    name: string,
    options: VmTestOptions | ((value: Value) => VmTestOptions),
    body: (given: Given<More>, value: Value) => Promise<void>,
  ) => void;
  /**
   * The same with more fixtures, as vitest's own `test.extend`; they may use `vm`.
   *
   * @see https://vitest.dev/guide/test-context
   * @example const npmTest = test.extend<{ npm: string }>({ npm: async ({ vm }, use) => use((await vm.$`npm -v`).stdout) });
   */
  extend<Extra extends object>(fixtures: VmFixtures<Extra, Given<More>>): VmTestApi<More & Extra>;
}

/** Fixtures for `extend`: each is a value, or makes one and hands it to `use`. */
export type VmFixtures<Extra, Known> = {
  readonly [Name in keyof Extra]:
    | Extra[Name]
    | ((given: Known & Extra, use: (value: Extra[Name]) => Promise<void>) => Promise<void>);
};

/** Where a test's machine is told to its fixture. A symbol stays in this process: options may hold functions. */
const machineOptions: unique symbol = Symbol("dstate machine");

declare module "vitest" {
  interface TaskMeta {
    [machineOptions]?: VmTestOptions;
  }
}

/** The attempts whose machines run, by their machines. */
const attempts = new WeakMap<Vm, Attempt>();

/** A kernel that has to be built, and machines of other workers, may take this long before a test begins. */
const mostWaiting = timeouts.queue.machines.milliseconds;

const withMachine = vitestTest.extend<{ context: Context; vm: Vm }>({
  context: async ({ signal }, use) => {
    await use(testContext(signal));
  },
  vm: async ({ task, context }, use) => {
    const options = task.meta[machineOptions];
    if (!options) throw new Error("a test with a machine says which: test(name, { kernel }, body)");
    using room = await takeRoom(shapeOf(options).memory, context);
    await using run = await Run.open(
      {
        kind: "test",
        about: `test-${slug(task.name)}`,
        title: task.name,
        command: ["vitest", "run", task.file.filepath, "--testNamePattern", task.name],
      },
      context,
    );
    const trial = await run.begin({ title: task.name, folder: "." });
    await using vm = await openVm({ ...options, ...context, evidenceDir: trial.dir, room });
    await trial.started(aboutMachine(vm), vm.parts);
    const attempt = new Attempt(vm, run, trial);
    attempts.set(vm, attempt);
    const before = task.result?.errors?.length ?? 0;
    await use(vm);
    // vitest keeps the errors of earlier attempts with those of this one.
    const errors = (task.result?.errors ?? []).slice(before);
    await attempt.ended(errors, { signal: context.signal, memoryDump: options.memoryDump });
  },
});

/** What {@link apiOf} needs of vitest's own API. */
type Base = typeof withMachine;

function apiOf<More extends object>(base: Base): VmTestApi<More> {
  const api = (name: string, options: VmTestOptions, body: (given: Given<More>) => Promise<void>): void => {
    register(base, name, options, body);
  };
  // Made when they are asked for: each has them all again.
  for (const name of ["only", "skip", "concurrent"] as const)
    Object.defineProperty(api, name, { get: () => apiOf<More>(base[name] as Base) });
  return Object.assign(api as VmTestApi<More>, {
    skipIf: (condition: unknown) => apiOf<More>(base.skipIf(condition) as Base),
    runIf: (condition: unknown) => apiOf<More>(base.runIf(condition) as Base),
    each:
      <Value>(values: readonly Value[]) =>
      (
        name: string,
        options: VmTestOptions | ((value: Value) => VmTestOptions),
        body: (given: Given<More>, value: Value) => Promise<void>,
      ) => {
        for (const [index, value] of values.entries()) {
          const own = typeof options === "function" ? options(value) : options;
          const run = asFixtureUser(body, async (given: Given<More>) => await body(given, value));
          register(base, titleOf(name, value, index), own, run);
        }
      },
    extend: <Extra extends object>(fixtures: VmFixtures<Extra, Given<More>>) =>
      apiOf<More & Extra>(base.extend(fixtures as object) as unknown as Base),
  });
}

function register<Fixtures>(
  base: Base,
  name: string,
  options: VmTestOptions,
  body: (given: Fixtures) => Promise<void>,
): void {
  const within: Within = options.within ?? timeouts.test;
  const most = lengthOf(within) * (options.within === undefined ? mostStretch : 1);
  const run = async (given: TestContext & VmTest): Promise<void> => {
    const { signal, context } = given;
    try {
      await withDeadline(
        `the test "${name}"`,
        { within, pace: given.vm?.machine.pace, signal },
        async (inner) => {
          const ours = { signal: inner, context: { ...context, signal: inner } };
          await body(Object.assign(Object.create(given), ours) as Fixtures);
        },
      );
    } catch (error) {
      signal.throwIfAborted();
      const { memoryDump } = options;
      if (given.vm) await attempts.get(given.vm)?.failed(given, error, { memoryDump, context });
      throw error;
    }
  };
  base(
    name,
    { timeout: most + mostWaiting, meta: { [machineOptions]: options } },
    asFixtureUser(body, run as () => Promise<void>),
  );
}

/** vitest reads from a function's text which fixtures it takes: a wrapper has to show what it wraps. */
function asFixtureUser<Wrapper extends object>(body: object, wrapper: Wrapper): Wrapper {
  const text = Function.prototype.toString.call(body);
  return Object.assign(wrapper, { toString: () => text });
}

function titleOf(name: string, value: unknown, index: number): string {
  const own = name.replaceAll("%#", `${index}`).replace(/\$(\w+)/g, (whole, key: string) => {
    const found = typeof value === "object" && value !== null ? Object.entries(value) : [];
    const entry = found.find(([each]) => each === key);
    return entry ? String(entry[1]) : whole;
  });
  return /%[sdifjoO]/.test(own) ? format(own, value) : own;
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 40);
}

/**
 * A test with a machine of its own, booted before it and ended after it. Workers that run such tests side by side
 * start no more machines than the host's memory holds: the others wait.
 *
 * @example
 * test("SIGKILL ends npm ci on a fixed kernel", { kernel: "6.1.129", node: "20.9.0" }, async ({ vm }) => {
 *   const npm = await vm.guest.spawn(["npm", "ci", "--offline"], { cwd: "/srv/work" });
 *   expect(await npm.kill("SIGKILL", { within: "5s" })).toBeReaped();
 * });
 */
export const test: VmTestApi = apiOf(withMachine);

/**
 * The context of a test: ended by vitest's own signal, with a line about what takes long.
 *
 * @example const context = testContext(signal);
 */
export function testContext(signal: AbortSignal): Context {
  return contextOf({ signal });
}
