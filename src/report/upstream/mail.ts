import { wrap } from "../wrap.ts";
import type { UpstreamFacts } from "./facts.ts";
import type { Recipients } from "./recipients.ts";
import { regzbotLine } from "./regzbot.ts";
import { bisectionOf, controlsOf, leadOf, seenIn, versionsOf } from "./sections.ts";

const width = 72;

/**
 * A report as a mail to a kernel list: plain text of 72 columns, traces not wrapped.
 *
 * @see https://docs.kernel.org/admin-guide/reporting-issues.html
 */
export function renderMail(facts: UpstreamFacts, { people, lists }: Recipients): string {
  const release = facts.parts?.kernel.version ?? facts.trial.cell?.kernel ?? "";
  const finding = facts.findings.find(({ severity }) => severity !== "notice");
  const tag = regzbotLine(facts.bisect) === undefined ? "[BUG]" : "[REGRESSION]";
  const subject = [`${tag} Linux ${release}`, finding?.title ?? facts.title].join(": ");
  const list = (lines: readonly string[]): string[] =>
    lines.flatMap((line) =>
      wrap(line, { width: width - 2 }).map((part, index) => `${index === 0 ? "- " : "  "}${part}`),
    );
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [title, ...lines, ""];
  return [
    ...(people.length === 0 ? [] : [`To: ${people.join(",\n    ")}`]),
    ...(lists.length === 0 ? [] : [`Cc: ${lists.join(",\n    ")}`]),
    `Subject: ${subject}`,
    "",
    ...leadOf(facts).flatMap((line) => wrap(line, { width })),
    "",
    ...section("Seen in:", list(seenIn(facts))),
    ...section("Not seen with, all else the same:", list(controlsOf(facts))),
    ...section("Bisection:", bisectionLines(facts)),
    ...section("Steps:", steps(facts.steps)),
    ...facts.programs.flatMap(({ name, lines }) => section(`${name}:`, ["", ...lines.map(indent)])),
    ...facts.traces.flatMap(({ decoded, lines }) =>
      section(decoded ? "Trace, with source lines:" : "Trace:", ["", ...lines]),
    ),
    ...section("Versions:", list(versionsOf(facts))),
    ...section("To run it again (dstate boots that kernel in a VM of its own):", ["", indent(facts.rerun)]),
    ...section("Reports of it:", facts.upstream.map(indent)),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

function indent(line: string): string {
  return line === "" ? "" : `  ${line}`;
}

function steps(lines: readonly string[]): string[] {
  return lines.flatMap((line, number) =>
    wrap(line, { width: width - 4 }).map((part, index) =>
      index === 0 ? `${`${number + 1}.`.padEnd(4)}${part}` : `    ${part}`,
    ),
  );
}

/** The bot reads its line only when it stands alone. */
function bisectionLines(facts: UpstreamFacts): string[] {
  return bisectionOf(facts).flatMap((line) =>
    line.startsWith("#regzbot") ? ["", line] : wrap(line, { width }),
  );
}
