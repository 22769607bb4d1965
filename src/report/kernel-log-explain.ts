import { UsageError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import type { FindingGroup } from "../kernel-log/groups.ts";
import { traitsOf } from "../kernel-log/kinds.ts";
import { waitedFor } from "../kernel-log/waited-for.ts";
import { meanings } from "./kernel-log-means.ts";
import { wrap } from "./wrap.ts";

/** What a finding means, what it waits for, and what to do next. */
export interface Explanation {
  /** Which finding of the log, counted from 1. */
  readonly finding: number;
  readonly title: string;
  readonly means: string;
  readonly waitsFor?: string;
  readonly next: string;
  readonly link: string;
}

/**
 * Explain one finding of a log.
 *
 * @throws {UsageError} when the log has no such finding.
 * @example explain(report.groups, 1).means
 */
export function explain(groups: readonly FindingGroup[], number: number): Explanation {
  const group = groups[number - 1];
  if (!group) {
    const has = groups.length === 0 ? "no findings" : groups.length === 1 ? "one" : `${groups.length}`;
    throw new UsageError(`there is no finding ${number} to explain: the log has ${has}`, {
      next: "`dstate dmesg` without --explain numbers them.",
    });
  }
  const { finding } = group;
  const wait = traitsOf(finding.kind).stalls ? waitedFor(finding) : undefined;
  const owner = finding.detail?.owner;
  const waitsFor = wait
    ? `${finding.task ?? "The task"} waits for ${wait.what}: ${wait.function} of ${wait.file}${finding.guilty === undefined ? "" : `, called by ${finding.guilty}`}.${owner === undefined ? "" : ` The kernel says: ${owner}`}`
    : undefined;
  const { means, next, link } = meanings[finding.kind];
  return {
    finding: number,
    title: finding.title,
    means,
    ...(waitsFor === undefined ? {} : { waitsFor: oneLine(waitsFor) }),
    next,
    link,
  };
}

/** An explanation for people. */
export function renderExplanation(explanation: Explanation, { width }: { readonly width: number }): string {
  const { title, means, waitsFor, next, link } = explanation;
  const paragraphs = [means, ...(waitsFor === undefined ? [] : [waitsFor]), `What to collect next: ${next}`];
  return [
    wrap(oneLine(title), { width }).join("\n"),
    ...paragraphs.map((text) => wrap(text, { width }).join("\n")),
    // A link is of use only whole.
    link,
  ].join("\n\n");
}
