import { join } from "node:path";
import { create } from "xmlbuilder2";
import { oneLine, sanitize } from "../../base/text.ts";
import type { RunRecord } from "../../record/run-record.ts";
import { type TestCase, testCasesOf } from "./verdict.ts";

/**
 * A run as JUnit XML, as Jenkins and GitLab read it: each trial a test case, its evidence named in its output.
 *
 * xmlbuilder2: writes XML that is well-formed whatever the texts are.
 *
 * @param dir the run's folder.
 * @see https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
 */
export function renderJunit(record: RunRecord, dir: string): string {
  const cases = testCasesOf(record);
  const count = (status: TestCase["status"]): string =>
    `${cases.filter((one) => one.status === status).length}`;
  const seconds = (cases.reduce((sum, { trial }) => sum + (trial.took ?? 0), 0) / 1000).toFixed(3);
  const sums = { tests: `${cases.length}`, failures: count("failed"), errors: count("error"), time: seconds };
  const document = create({ version: "1.0", encoding: "UTF-8", invalidCharReplacement: "\ufffd" });
  const suite = document.ele("testsuites", { name: "dstate", ...sums }).ele("testsuite", {
    name: fit(`dstate ${record.kind} ${record.about}`),
    ...sums,
    skipped: count("skipped"),
    timestamp: record.startedAt.slice(0, 19),
  });
  const properties = suite.ele("properties");
  for (const [name, value] of propertiesOf(record)) properties.ele("property", { name, value: fit(value) });
  for (const { name, suite: classname, status, message, trial } of cases) {
    const time = ((trial.took ?? 0) / 1000).toFixed(3);
    const node = suite.ele("testcase", { name: fit(name), classname: fit(classname), time });
    const about = { message: fit(message), type: trial.outcome ?? "unfinished" };
    const evidence = [`evidence: ${join(dir, trial.folder)}`, `again: ${trial.rerun ?? record.rerun}`];
    if (status === "failed") node.ele("failure", about).txt(fit([message, ...evidence].join("\n")));
    if (status === "error") node.ele("error", about).txt(fit([message, ...evidence].join("\n")));
    if (status === "skipped") node.ele("skipped", { message: about.message });
    node.ele("system-out").txt(fit([message, ...evidence].join("\n")));
  }
  return document.end({ prettyPrint: true }).concat("\n");
}

/** What a report should know of the run. */
export function propertiesOf({ dstate, host, rerun, state }: RunRecord): [string, string][] {
  return [
    ["dstate", `${dstate.version}${dstate.revision === undefined ? "" : ` (${dstate.revision})`}`],
    ["host", `${host.cores} x ${host.cpu}, Linux ${host.kernel}`],
    ["again", rerun],
    ["state", state],
  ];
}

function fit(text: string): string {
  return sanitize(text.includes("\n") ? text : oneLine(text), { maxLength: 8000 });
}
