import type { PageData, PageTrial, TrialDetail } from "../report/page/data.ts";
import { percent } from "./format.ts";

/** A fact of both trials. */
export interface Fact {
  readonly name: string;
  readonly left: string;
  readonly right: string;
}

/** A trial with all that is known of it. */
export interface Side {
  readonly trial: PageTrial;
  readonly detail: TrialDetail;
}

/** What is so in one trial and not in the other, and how many facts are the same. */
export function differences(data: PageData, left: Side, right: Side): { differ: Fact[]; same: number } {
  const a = factsOf(data, left);
  const b = factsOf(data, right);
  const names = [...new Set([...a.keys(), ...b.keys()])];
  const facts = names.map((name) => ({ name, left: a.get(name) ?? "", right: b.get(name) ?? "" }));
  const differ = facts.filter((fact) => fact.left !== fact.right);
  return { differ, same: facts.length - differ.length };
}

function factsOf(data: PageData, { trial, detail }: Side): Map<string, string> {
  const parts = trial.parts === undefined ? undefined : data.run.parts[trial.parts];
  const facts: [string, string | undefined][] = [
    ["outcome", trial.outcome ?? "unfinished"],
    ["what was seen", trial.summary],
    ["kernel", parts?.kernel.version ?? trial.cell?.kernel],
    ["kernel, sha256", parts?.kernel.sha256.slice(0, 16)],
    ["image", parts?.image.provenance],
    ["Node", parts?.node?.version ?? trial.cell?.node],
    ["libuv", parts?.node?.libuv],
    ...Object.entries(trial.cell?.env ?? {}).map(([name, value]): [string, string] => [`env ${name}`, value]),
    ...Object.entries(trial.cell?.axes ?? {}),
    ...Object.entries(detail.columns),
    ["findings", [...new Set(detail.findings.map(({ title }) => title))].join("\n") || "none"],
    ["accelerator", trial.machine?.acceleration],
    ["start", trial.machine?.start],
    ["host busy", trial.load && percent(trial.load.busy)],
    ["steal", trial.load && percent(trial.load.steal)],
  ];
  return new Map(facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

/** Options of two kernel configurations that are not the same. @example configDifferences("CONFIG_A=y", "") */
export function configDifferences(left: string, right: string): Fact[] {
  const [a, b] = [optionsOf(left), optionsOf(right)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .sort()
    .map((name) => ({ name, left: a.get(name) ?? "not set", right: b.get(name) ?? "not set" }))
    .filter((fact) => fact.left !== fact.right);
}

function optionsOf(config: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const line of config.split("\n")) {
    const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
    if (match?.[1] !== undefined) options.set(match[1], match[2] ?? "");
  }
  return options;
}
