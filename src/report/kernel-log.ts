import { styleText } from "node:util";
import { formatBytes } from "../base/size.ts";
import { oneLine } from "../base/text.ts";
import { plainName } from "../kernel-log/frame.ts";
import type { FindingGroup, Occurrence } from "../kernel-log/groups.ts";
import { type Finding, type Frame, findingKinds, type Severity } from "../kernel-log/kernel-log.ts";
import { traitsOf } from "../kernel-log/kinds.ts";
import { fingerprint } from "../kernel-log/signature.ts";
import { describeWaits } from "../kernel-log/waits.ts";
import type { DecodedReport } from "../log/decode.ts";
import type { LogReport } from "../log/read.ts";
import { frameText, placeText } from "./findings.ts";
import { wrap } from "./wrap.ts";

export interface RenderLogOptions {
  readonly width: number;
  readonly colour?: boolean | undefined;
  /** Whole call chains, registers, details, and every occurrence. */
  readonly full?: boolean | undefined;
}

type Format = Parameters<typeof styleText>[0];
type Style = (format: Format, text: string) => string;

const colours: Readonly<Record<Severity, "red" | "magenta" | "yellow" | "cyan">> = {
  crash: "red",
  stall: "magenta",
  check: "yellow",
  notice: "cyan",
};

/** How much of a call chain is shown unless all of it is asked for. */
const shown = { above: 8, below: 4, occurrences: 4, locks: 12 } as const;

/**
 * What a log says as a person reads it in a terminal: a block for each bug, with the guilty function marked in its
 * call chain, and a sentence that sums up. Nothing of the log reaches the terminal unsanitized.
 *
 * @example process.stdout.write(renderLog(await readLog(log, { signal }), { width: 80 }))
 */
export function renderLog(report: DecodedReport, options: RenderLogOptions): string {
  const style: Style = (format, text) =>
    options.colour ? styleText(format, text, { validateStream: false }) : text;
  const numbered = report.groups.length > 1;
  const blocks = report.groups.map((group, index) =>
    renderGroup(group, numbered ? index + 1 : undefined, style, options),
  );
  const locks = renderLocks(report, options);
  const decoded = report.decodedWith.map(({ vmlinux, release }) =>
    style("dim", `source lines of Linux ${oneLine(release)} by ${oneLine(vmlinux)}`),
  );
  return [
    ...blocks,
    ...(locks === "" ? [] : [locks]),
    ...decoded,
    style("bold", wrap(summaryOf(report), { width: options.width }).join("\n")),
  ].join("\n\n");
}

/**
 * The sentence that sums a log up.
 *
 * @example summaryOf(report) // "3 findings of 2 kinds in 12,345 lines"
 */
export function summaryOf(report: LogReport): string {
  const lines = `${report.lines.toLocaleString("en-US")} ${report.lines === 1 ? "line" : "lines"}`;
  const where = `${lines} (${formatBytes(report.bytes)}${report.compression ? ` unpacked from ${report.compression}` : ""})`;
  if (report.total === 0) return `no findings in ${where}`;
  const kinds = new Set(report.groups.map(({ finding }) => finding.kind)).size;
  const findings = `${report.total.toLocaleString("en-US")} ${report.total === 1 ? "finding" : "findings"}`;
  const omitted =
    report.omitted === 0
      ? ""
      : `; ${report.omitted.toLocaleString("en-US")} of bugs beyond the first thousand are only counted`;
  return `${findings} of ${kinds} ${kinds === 1 ? "kind" : "kinds"} in ${where}${omitted}`;
}

function renderGroup(
  { finding, count, occurrences }: FindingGroup,
  number: number | undefined,
  style: Style,
  options: RenderLogOptions,
): string {
  const { width, full } = options;
  const colour = colours[findingKinds[finding.kind].severity];
  const again = count - 1;
  const listed = full ? occurrences.slice(1) : occurrences.slice(1, 1 + shown.occurrences);
  const unlisted = again - listed.length;
  return [
    ...wrap(oneLine(finding.title), { width }).map((line) => style(["bold", colour], line)),
    ...indented([...facts(finding), ...(number ? [`finding ${number}`] : [])].join(" · "), width).map(
      (line) => style("dim", line),
    ),
    ...details(finding, full === true).flatMap((line) => indented(line, width)),
    ...chain(finding, style, options),
    ...(full && finding.registers
      ? finding.registers.split("\n").flatMap((line) => indented(oneLine(line), width))
      : []),
    ...(again === 0
      ? []
      : indented(
          `${again === 1 ? "once" : `${again.toLocaleString("en-US")} times`} more: ${listed.map((occurrence) => whereText(occurrence, finding)).join(", ")}${unlisted > 0 ? `, and ${unlisted.toLocaleString("en-US")} more` : ""}`,
          width,
        )),
  ].join("\n");
}

function indented(text: string, width: number): string[] {
  return wrap(text, { width: width - 2 }).map((line) => `  ${line}`);
}

function facts(finding: Finding): string[] {
  const { kernel, taint } = finding;
  const who = whoText(finding);
  return [
    finding.kind,
    ...(finding.follows === undefined ? [] : [`follows from line ${finding.follows}`]),
    linesText(finding),
    ...whenText(finding),
    ...(who === "" ? [] : [who]),
    ...(finding.cpu === undefined ? [] : [`CPU ${finding.cpu}`]),
    ...(kernel === undefined ? [] : [`Linux ${oneLine(kernel)}`]),
    ...(taint === undefined ? [] : [`taint ${oneLine(taint)}`]),
  ];
}

/** One more time that a bug showed; who is named where it was another task or CPU than the first time. */
function whereText(occurrence: Occurrence, first: Occurrence): string {
  const who = whoText(occurrence);
  const { cpu } = occurrence;
  return [
    [linesText(occurrence), ...whenText(occurrence)].join(" at "),
    ...(who === "" || who === whoText(first) ? [] : [who]),
    ...(cpu === undefined || cpu === first.cpu ? [] : [`CPU ${cpu}`]),
  ].join(" ");
}

function whoText({ task, pid }: Pick<Occurrence, "task" | "pid">): string {
  return oneLine([task, pid].filter((part) => part !== undefined).join(":"));
}

function linesText({ firstLine, lastLine }: Occurrence): string {
  return firstLine === lastLine ? `line ${firstLine}` : `lines ${firstLine}-${lastLine}`;
}

function whenText({ time, date }: Occurrence): string[] {
  return [
    ...(time === undefined ? [] : [`${time.toFixed(3)} s`]),
    ...(date === undefined ? [] : [oneLine(date)]),
  ];
}

/** What tells most, where a person has no time for all of it. */
const telling = [
  "panic",
  "owner",
  "where",
  "message",
  "end",
  "times",
  "address",
  "seconds",
  "reason",
  "error",
];

function details(finding: Finding, full: boolean): string[] {
  const entries = Object.entries(finding.detail ?? {}).filter(
    ([name, value]) => full || (telling.includes(name) && !finding.title.includes(value)),
  );
  return [
    ...(full
      ? [
          `severity: ${traitsOf(finding.kind).severity}`,
          `fingerprint: ${oneLine(fingerprint(finding))}`,
          ...(finding.guilty === undefined || finding.title.includes(finding.guilty)
            ? []
            : [`guilty: ${oneLine(finding.guilty)}`]),
        ]
      : []),
    ...entries.map(([name, value]) => `${name}: ${oneLine(value)}`),
  ];
}

/** Who waits for whom, and which locks the kernel listed. */
function renderLocks({ waits, heldLocks }: LogReport, { width, full }: RenderLogOptions): string {
  const lines = describeWaits(waits);
  const byTask = new Map<string, string[]>();
  for (const { task, lock, at } of heldLocks) {
    const locks = byTask.get(`${task.comm}:${task.pid}`) ?? [];
    locks.push(at === undefined ? lock : `${lock} (in ${at})`);
    byTask.set(`${task.comm}:${task.pid}`, locks);
  }
  const listed = [...byTask].map(([task, locks]) => `${task} holds or wants ${locks.join(", ")}`);
  const blocks: (readonly [title: string, lines: readonly string[]])[] = [
    ["who waits for whom", lines],
    ["locks that the kernel listed", listed],
  ];
  return blocks
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => {
      const some = full ? lines : lines.slice(0, shown.locks);
      const more = lines.length - some.length;
      return [
        ...wrap(title, { width }),
        ...some.flatMap((line) => indented(oneLine(line), width)),
        ...(more > 0 ? indented(`... ${more.toLocaleString("en-US")} more`, width) : []),
      ].join("\n");
    })
    .join("\n\n");
}

function chain(finding: Finding, style: Style, { width, full }: RenderLogOptions): string[] {
  const reliable = finding.frames.filter((frame) => frame.reliable);
  const frames = full || !reliable.some((frame) => isGuilty(frame, finding)) ? finding.frames : reliable;
  const guilty = Math.max(
    0,
    frames.findIndex((frame) => isGuilty(frame, finding)),
  );
  const [from, to] = full
    ? [0, frames.length]
    : [Math.max(0, guilty - shown.above), guilty + 1 + shown.below];
  const more = (count: number): string[] => (count > 0 ? [style("dim", `      ... ${count} more`)] : []);
  return [
    ...more(from),
    ...frames.slice(from, to).flatMap((frame, index) => {
      const marked = from + index === guilty && isGuilty(frame, finding);
      const text = `${marked ? "  ->" : "    "}  ${frameText(frame)}`;
      return [
        style(marked ? "bold" : "reset", clip(text, width)),
        ...(frame.places ?? []).flatMap((place) => [
          style("dim", clip(`          ${placeText(place)}`, width)),
          // A link is of use only whole.
          ...(full && place.link ? [style("dim", `          ${oneLine(place.link)}`)] : []),
        ]),
      ];
    }),
    ...more(frames.length - to),
  ];
}

function isGuilty(frame: Frame, finding: Finding): boolean {
  return finding.guilty !== undefined && plainName(frame.function) === finding.guilty;
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
