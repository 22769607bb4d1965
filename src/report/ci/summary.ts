import { oneLine } from "../../base/text.ts";
import type { RunRecord } from "../../record/run-record.ts";
import { type TestCase, testCasesOf } from "./verdict.ts";

const signs: Readonly<Record<TestCase["status"], string>> = {
  passed: "✅",
  failed: "❌",
  skipped: "❔",
  error: "⚠️",
};

/**
 * A run as the summary of a CI job: what each cell came to, with its trials counted.
 *
 * @see https://docs.github.com/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary
 */
export function renderSummary(record: RunRecord): string {
  const cells = Map.groupBy(testCasesOf(record), ({ trial }) => trial.title);
  const rows = [...cells].map(([title, cases]) => {
    const outcomes = Map.groupBy(cases, ({ trial }) =>
      trial.state === "ended" ? trial.outcome : "unfinished",
    );
    const counts = [...outcomes].map(([name, list]) => `${list.length} ${name ?? "ended"}`).join(", ");
    const worst = (["failed", "error", "skipped", "passed"] as const).find((status) =>
      cases.some((one) => one.status === status),
    );
    const told = cases.find(({ status }) => status === worst)?.message ?? "";
    return `| ${signs[worst ?? "error"]} | ${cell(title)} | ${counts} | ${cell(told)} |`;
  });
  return [
    `### dstate ${record.kind}: ${cell(record.about)}`,
    "",
    ...(record.title === undefined ? [] : [cell(record.title), ""]),
    "| | cell | trials | what was seen |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    ...(record.bisect === undefined ? [] : [cell(record.bisect.conclusion), ""]),
    ...(record.state === "finished"
      ? []
      : [
          `This run is ${record.state}${record.problem === undefined ? "" : `: ${cell(record.problem)}`}.`,
          "",
        ]),
    "Again:",
    "",
    "```sh",
    record.rerun.replaceAll("```", ""),
    "```",
    "",
  ].join("\n");
}

/** A text of a guest in a table of Markdown: no markup, no mention. */
function cell(text: string): string {
  return oneLine(text, { maxLength: 400 })
    .replace(/[&<>@]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    .replace(/[\\`*_{}[\]|~]/g, (sign) => `\\${sign}`);
}
