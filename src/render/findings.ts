import { styleText } from "node:util";
import { type Finding, type Frame, findingKinds, type Severity } from "../observe/kernel-log.ts";
import { fingerprint } from "../observe/signature.ts";
import { oneLine } from "../observe/text.ts";

export interface RenderFindingsOptions {
  readonly colour?: boolean;
  /** How many frames of each call chain to show. Default: all. */
  readonly frames?: number;
}

/** A finding as `--json` prints it. */
export interface FindingRecord extends Finding {
  readonly severity: Severity;
  /** The same for every occurrence of the bug. */
  readonly fingerprint: string;
}

type Style = Parameters<typeof styleText>[0];

const colours: Readonly<Record<Severity, "red" | "magenta" | "yellow" | "cyan">> = {
  crash: "red",
  stall: "magenta",
  check: "yellow",
  notice: "cyan",
};

/**
 * Findings as a person reads them in a terminal: one block each, with the call chain. Nothing of the guest's text
 * reaches the terminal unsanitized.
 *
 * @example process.stdout.write(renderFindings(parseKernelLog(text), { colour: process.stdout.isTTY }))
 */
export function renderFindings(findings: readonly Finding[], options: RenderFindingsOptions = {}): string {
  if (findings.length === 0) return "no findings\n";
  return findings.map((finding) => renderFinding(finding, options)).join("\n");
}

function renderFinding(finding: Finding, options: RenderFindingsOptions): string {
  const { severity } = findingKinds[finding.kind];
  const style = (format: Style, text: string): string =>
    options.colour ? styleText(format, text, { validateStream: false }) : text;
  const shown = finding.frames.slice(0, options.frames ?? finding.frames.length);
  const hidden = finding.frames.length - shown.length;
  return [
    style(["bold", colours[severity]], oneLine(finding.title)),
    style("dim", `  ${facts(finding).join("  ")}`),
    ...Object.entries(finding.detail ?? {}).map(([name, value]) => `  ${name}: ${oneLine(value)}`),
    ...shown.map((frame) => `    ${frameText(frame)}`),
    ...(hidden > 0 ? [style("dim", `    ... ${hidden} more`)] : []),
    "",
  ].join("\n");
}

function facts(finding: Finding): string[] {
  const { firstLine, lastLine } = finding;
  return [
    finding.kind,
    firstLine === lastLine ? `line ${firstLine}` : `lines ${firstLine}-${lastLine}`,
    ...(finding.follows === undefined ? [] : [`follows from line ${finding.follows}`]),
    ...(finding.time === undefined ? [] : [`at ${finding.time.toFixed(6)} s`]),
    ...(finding.date === undefined ? [] : [oneLine(finding.date)]),
    ...(finding.task === undefined ? [] : [`task ${oneLine(finding.task)}`]),
    ...(finding.pid === undefined ? [] : [`pid ${finding.pid}`]),
    ...(finding.cpu === undefined ? [] : [`CPU ${finding.cpu}`]),
    ...(finding.kernel === undefined ? [] : [`Linux ${oneLine(finding.kernel)}`]),
    ...(finding.taint === undefined ? [] : [`taint ${oneLine(finding.taint)}`]),
  ];
}

/**
 * A frame as the kernel prints it.
 *
 * @example frameText({ function: "foo", offset: 1, size: 32, reliable: false }) // "? foo+0x1/0x20"
 */
export function frameText(frame: Frame): string {
  const place =
    frame.offset === undefined ? "" : `+0x${frame.offset.toString(16)}/0x${(frame.size ?? 0).toString(16)}`;
  return oneLine(
    [
      `${frame.reliable ? "" : "? "}${frame.function}${place}`,
      ...(frame.module === undefined ? [] : [`[${frame.module}]`]),
      ...(frame.file === undefined ? [] : [frame.file]),
    ].join(" "),
  );
}

/** Findings as records that are ready for `JSON.stringify`. */
export function findingRecords(findings: readonly Finding[]): FindingRecord[] {
  return findings.map((finding) => ({
    ...finding,
    severity: findingKinds[finding.kind].severity,
    fingerprint: fingerprint(finding),
  }));
}
