import type { UpstreamFacts } from "./facts.ts";
import { bisectionOf, controlsOf, leadOf, seenIn, versionsOf } from "./sections.ts";

/**
 * A report as Markdown. What a guest said stands in code or is escaped, so it is neither markup nor a mention of
 * anybody.
 *
 * @param options.fold the tracker folds `<details>`: programs, traces and versions go into them.
 */
export function renderMarkdown(facts: UpstreamFacts, options: { readonly fold: boolean }): string {
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`### ${title}`, "", ...lines, ""];
  const fold = (title: string, lines: readonly string[]): string[] =>
    options.fold
      ? ["<details>", `<summary>${html(title)}</summary>`, "", ...lines, "", "</details>", ""]
      : section(plain(title), lines);
  return [
    ...leadOf(facts).flatMap((line) => [plain(line), ""]),
    ...section("Seen in", items(seenIn(facts))),
    ...section("Not seen with, all else the same", items(controlsOf(facts))),
    ...section(
      "Bisection",
      bisectionOf(facts).flatMap((line) => [line.startsWith("#") ? `\`${line}\`` : plain(line), ""]),
    ),
    ...section(
      "Steps",
      facts.steps.map((line, index) => `${index + 1}. ${step(line)}`),
    ),
    ...facts.programs.flatMap(({ name, lines }) => fold(name, fenced(lines))),
    ...facts.traces.flatMap(({ decoded, lines }) =>
      fold(`Trace${decoded ? ", with source lines" : ""}: ${titleOf(lines)}`, fenced(lines)),
    ),
    ...fold("Versions", items(versionsOf(facts))),
    ...section("To run it again", fenced([facts.rerun], "sh")),
    ...section(
      "Reports of it",
      facts.upstream.map((address) => `- ${address}`),
    ),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

function items(lines: readonly string[]): string[] {
  return lines.map((line) => `- ${plain(line)}`);
}

/** What a trace is about, without its time. */
function titleOf([first = ""]: readonly string[]): string {
  return first.replace(/^\[[^\]]*\]\s*/, "").slice(0, 100);
}

/** A command of a step is code. */
function step(line: string): string {
  const command = /^(In the guest: )(.*)$/s.exec(line);
  return command ? `${command[1]}${code(command[2] ?? "")}` : plain(line);
}

/** Text in which nothing is markup, a mention or a reference. @example plain("a_b @me") // "a\\_b &#64;me" */
function plain(text: string): string {
  return html(text)
    .replace(/[\\`*_{}[\]|~]/g, (sign) => `\\${sign}`)
    .replace(/#(?=\d+\b(?!;))/g, "&#35;");
}

/** Text in which nothing is an element, or a mention. */
function html(text: string): string {
  return text.replace(/[&<>@]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function code(text: string): string {
  const ticks = "`".repeat(longestRun(text) + 1);
  const space = ticks.length > 1 ? " " : "";
  return `${ticks}${space}${text}${space}${ticks}`;
}

/** Lines as a block of code whose fence nothing in it can close. */
function fenced(lines: readonly string[], language = ""): string[] {
  const fence = "`".repeat(Math.max(3, longestRun(lines.join("\n")) + 1));
  return [`${fence}${language}`, ...lines, fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
