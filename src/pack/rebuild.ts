import { UsageError } from "../base/errors.ts";
import { type KernelSelector, parseKernelSelector } from "../kernel/selector.ts";
import type { Host } from "../record/host.ts";
import type { PartsRecord, RecordedOutcome, TrialRecord } from "../record/run-record.ts";
import type { Manifest } from "./manifest.ts";

/**
 * The kernel selector to run a pack with on this host.
 *
 * @param instead what the user says in its place.
 * @throws {UsageError} when the kernel is made from something that only another host has: it cannot be rebuilt from here.
 */
export function kernelFor({ trial }: Manifest, instead: string | undefined): string {
  if (instead !== undefined) return instead;
  const { kernel } = trial.cell;
  const own = ownOf(parseKernelSelector(kernel));
  if (own !== undefined)
    throw new UsageError(
      `its kernel cannot be rebuilt here: ${kernel} needs ${own} of the host that packed it`,
      {
        next: "If you have the same, name it: --kernel git:/your/tree@REVISION. The result says so then.",
      },
    );
  return kernel;
}

/** What a kernel is made from that only the host has which named it; undefined: everybody can have it. */
function ownOf(selector: KernelSelector): string | undefined {
  const changes = "changes" in selector ? (selector.changes ?? []) : [];
  if (selector.type === "git") return "a tree";
  if (selector.type === "file") return "a file";
  if (selector.type === "package") return selector.paths.length === 1 ? "a package" : "packages";
  // A commit is taken back in a tree.
  if (changes.some(({ type }) => type === "revert")) return "a tree";
  return changes.some(({ type }) => type === "patch") ? "a patch" : undefined;
}

/** One thing that is not as it was. */
export interface Difference {
  readonly what: string;
  readonly before: string;
  readonly now: string;
}

/** What is not the same as in the run that was packed. */
export function differencesFrom(
  manifest: Manifest,
  now: {
    readonly trial: TrialRecord;
    readonly parts: PartsRecord | undefined;
    readonly host: Host;
    readonly dstate: string;
    /** What every trial came to, this one too. */
    readonly outcomes: readonly RecordedOutcome[];
  },
): Difference[] {
  const { trial, parts, host, dstate } = manifest;
  const seconds = (ms: number | undefined): string => (ms === undefined ? "" : `${Math.round(ms / 1000)} s`);
  const rows: (readonly [string, string | undefined, string | undefined])[] = [
    ["outcome", trial.outcome, now.trial.outcome],
    ["how often", rateText(packedOutcomes(manifest)), rateText(now.outcomes)],
    ["what was seen", trial.summary, now.trial.summary],
    ["kernel", parts?.kernel.version, now.parts?.kernel.version],
    ["kernel, sha256", parts?.kernel.sha256.slice(0, 16), now.parts?.kernel.sha256.slice(0, 16)],
    ["configuration", parts?.kernel.configSha256?.slice(0, 16), now.parts?.kernel.configSha256?.slice(0, 16)],
    ["guest system", parts?.image.provenance, now.parts?.image.provenance],
    ["its packages", parts?.image.packagesSha256.slice(0, 16), now.parts?.image.packagesSha256.slice(0, 16)],
    ["Node, sha256", parts?.node?.sha256.slice(0, 16), now.parts?.node?.sha256.slice(0, 16)],
    ["accelerator", trial.machine?.acceleration, now.trial.machine?.acceleration],
    ["QEMU", trial.machine?.qemu, now.trial.machine?.qemu],
    ["host", hostText(host), hostText(now.host)],
    ["took", seconds(trial.took), seconds(now.trial.took)],
    ["dstate", dstate.version, now.dstate],
  ];
  return rows.flatMap(([what, before = "", value = ""]) =>
    // The number of a process is another one each time.
    before === value || (what === "what was seen" && plain(before) === plain(value))
      ? []
      : [{ what, before: before === "" ? "unknown" : before, now: value === "" ? "unknown" : value }],
  );
}

/** The outcomes of all trials of the packed trial's cell. */
function packedOutcomes({ rates, trial }: Manifest): RecordedOutcome[] {
  const { outcomes = {} } = rates.find(({ title }) => title === trial.title) ?? {};
  return (Object.keys(outcomes) as RecordedOutcome[]).flatMap((outcome) =>
    Array.from({ length: outcomes[outcome] ?? 0 }, () => outcome),
  );
}

/** @example rateText(["reproduced", "clean", "infra-error"]) // "1 of 2 reproduced" */
function rateText(outcomes: readonly RecordedOutcome[]): string {
  const judged = outcomes.filter((outcome) => outcome === "reproduced" || outcome === "clean");
  return `${judged.filter((outcome) => outcome === "reproduced").length} of ${judged.length} reproduced`;
}

function plain(text: string): string {
  return text.replace(/\d+/g, "0");
}

function hostText({ cores, cpu, system }: Host): string {
  return `${cores} x ${cpu}, ${system}`;
}
