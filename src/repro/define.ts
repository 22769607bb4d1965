import type { Context } from "../base/context.ts";
import type { Duration } from "../base/duration.ts";
import type { ImageKind } from "../base/settings.ts";
import type { FindingPattern } from "../kernel-log/signature.ts";
import type { Axes, Cell, CellChoice } from "../lab/cell.ts";
import type { Preparation } from "../lab/preparation.ts";
import type { MachineShape } from "../lab/shape.ts";
import type { Vm } from "../lab/vm.ts";
import { ask, askAsync } from "./author-error.ts";
import { checkDefinition } from "./check-definition.ts";
import type { EvidenceFolder } from "./evidence.ts";
import { type JudgedTrial, judgeTrial } from "./judge.ts";

/** What a trial is handed. */
export interface TrialContext {
  readonly vm: Vm;
  readonly cell: Cell;
  /** The workload's folder in the guest. */
  readonly workload: string;
  /** How long the trial may take, all in all. */
  readonly deadline: Duration;
  readonly signal: AbortSignal;
  /** Where the trial may save more than what is saved anyway. */
  readonly evidence: EvidenceFolder;
  /** Tell whoever watches what is being done. */
  readonly say: (text: string) => void;
}

/** The reporter's screen: see vm/view/view.sh. */
export interface ReproView {
  /** Values of the repro's own axes that prepare what the view runs. */
  readonly axes?: Readonly<Record<string, string>> | undefined;
  /** Where the command runs in the guest. */
  readonly folder: string;
  /** How the command line of the process starts that is watched and may be killed. */
  readonly process: string;
  /** One shell command, run again and again. */
  readonly command: string;
}

/** The definition of one upstream report. */
export interface ReproDefinition<Observation> {
  /** Kebab-case, and the name of its folder. */
  readonly id: string;
  /** One line: what fails. */
  readonly title: string;
  /** Links to the reports. */
  readonly upstream: readonly [string, ...string[]];
  readonly axes: Axes;
  /** The cells that show the failure and its absence, the first of each is what `dstate check` runs. */
  readonly cells: {
    readonly bad: readonly [CellChoice, ...CellChoice[]];
    readonly control: readonly [CellChoice, ...CellChoice[]];
    /** Those of guests of a kind, where others are nearer to the report's own machine. */
    readonly images?:
      | Readonly<
          Partial<
            Record<
              ImageKind,
              {
                readonly bad: readonly [CellChoice, ...CellChoice[]];
                readonly control: readonly [CellChoice, ...CellChoice[]];
              }
            >
          >
        >
      | undefined;
  };
  /** Folder whose files the guest finds in `/srv/work`. */
  readonly workload?: URL | undefined;
  readonly prepare?: Preparation | undefined;
  /** Version of npm to go with the Node of the cell. */
  readonly npm?: string | ((node: string) => string | undefined) | undefined;
  /** Look at a cell before anything is fetched or booted: throw a UsageError for a value that cannot be used. */
  readonly check?: ((cell: Cell, context: Context) => Promise<unknown>) | undefined;
  /** Kernel configuration for a cell, such as `CONFIG_MEMBARRIER=n`: for kernels that are built here. */
  readonly kernelFragments?: ((cell: Cell) => readonly string[]) | undefined;
  /** Another NixOS system than the plain guest, for `--image nixos`: `image-<name>` of flake.nix. */
  readonly nixosSystem?: (cell: Cell) => string | undefined;
  readonly machine?: MachineShape | undefined;
  /** What `dstate shell --view` shows: the workload in a loop, and the process it is about. */
  readonly view?: ReproView | undefined;
  /**
   * The findings that a kernel log has when this shows, all of them: `dstate dmesg --repro` looks for them. Left out
   * where the kernel says nothing.
   */
  readonly kernelLog?: readonly [FindingPattern, ...FindingPattern[]] | undefined;
  readonly deadline: Duration;
  /** One trial in a fresh machine. What it returns is saved as evidence, so it is plain data. */
  trial(context: TrialContext): Promise<Observation>;
  /** What a reproduction must show to count. */
  signature(observation: Observation): boolean;
  /** What a clean trial must show to count: that the workload really ran to its end. */
  healthy(observation: Observation): boolean;
  /** The finding in one sentence, from the observation. */
  summary(observation: Observation): string;
  /** The columns of a table of trials. */
  columns?(observation: Observation): Readonly<Record<string, string>>;
}

/**
 * A definition as campaigns, tests and the command line handle it. What its trials observe is known where the repro
 * is imported, and nobody's affair where it is found by its name.
 */
export interface Repro<Observation = unknown>
  extends Omit<ReproDefinition<never>, "trial" | "signature" | "healthy" | "summary" | "columns"> {
  /** Run `trial` and judge what it saw. */
  run(context: TrialContext): Promise<JudgedTrial<Observation>>;
}

/**
 * Define a repro.
 *
 * @throws {UsageError} when a field is missing, unknown, or cannot be used; it names the field.
 * @example
 * export default defineRepro({
 *   id: "my-report",
 *   title: "what fails, in one line",
 *   upstream: ["https://example.org/the/report"],
 *   axes: { kernel: ["6.1.129", "deb:6.1"], node: ["20.9.0"] },
 *   cells: { bad: [{ kernel: "deb:6.1" }], control: [{ kernel: "6.1.129" }] },
 *   deadline: "2m",
 *   trial: async ({ vm }) => await vm.guest.exec(["node", "-p", "1+1"], { allowFailure: true }),
 *   signature: ({ signal }) => signal === "SIGSEGV",
 *   healthy: ({ exitCode }) => exitCode === 0,
 *   summary: ({ exitCode }) => `node ended with exit code ${exitCode}`,
 * });
 */
export function defineRepro<Observation>(definition: ReproDefinition<Observation>): Repro<Observation> {
  checkDefinition(definition);
  const { trial, signature, healthy, summary, columns, ...rest } = definition;
  const { id } = definition;
  const judges = { signature, healthy, summary, columns };
  return {
    ...rest,
    ...authoredParts(rest),
    run: async (context) =>
      judgeTrial(id, judges, await askAsync("trial", id, async () => await trial(context))),
  };
}

type Prepared = Pick<
  ReproDefinition<never>,
  "id" | "check" | "kernelFragments" | "nixosSystem" | "npm" | "prepare"
>;

/** The functions that are called before a trial, each with its author's mistakes told as such. */
function authoredParts(definition: Prepared): Omit<Prepared, "id"> {
  const { id, check, kernelFragments, nixosSystem, npm, prepare } = definition;
  return {
    ...(check && {
      check: async (cell, context) => await askAsync("check", id, async () => await check(cell, context)),
    }),
    ...(kernelFragments && {
      kernelFragments: (cell) => ask("kernelFragments", id, () => kernelFragments(cell)),
    }),
    ...(nixosSystem && { nixosSystem: (cell) => ask("nixosSystem", id, () => nixosSystem(cell)) }),
    ...(typeof npm === "function" && { npm: (node) => ask("npm", id, () => npm(node)) }),
    ...(prepare && {
      prepare: {
        key: (cell) => ask("prepare.key", id, () => prepare.key(cell)),
        make: async (context) => await askAsync("prepare.make", id, async () => await prepare.make(context)),
      },
    }),
  };
}
