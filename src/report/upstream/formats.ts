import type { UpstreamFacts } from "./facts.ts";
import { renderMail } from "./mail.ts";
import { renderMarkdown } from "./markdown.ts";
import type { Recipients } from "./recipients.ts";

/** For whom a report is written: one row an audience. */
export const upstreamFormats = {
  lkml: (facts, recipients) => renderMail(facts, recipients),
  github: (facts) => renderMarkdown(facts, { fold: true }),
  gitlab: (facts) => renderMarkdown(facts, { fold: true }),
  markdown: (facts) => renderMarkdown(facts, { fold: false }),
} as const satisfies Readonly<Record<string, (facts: UpstreamFacts, recipients: Recipients) => string>>;

export type UpstreamFormat = keyof typeof upstreamFormats;

/** Whether somebody writes reports that way. */
export function isUpstreamFormat(name: string): name is UpstreamFormat {
  return Object.hasOwn(upstreamFormats, name);
}
