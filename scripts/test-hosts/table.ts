import { type Host, hosts, type Job, jobs, type User, users } from "./hosts.ts";

/** A row of docs/hosts.md. */
export interface Row {
  readonly host: Host;
  readonly qemu: string;
  readonly gcc: string;
  readonly node: string;
  readonly user: User;
  readonly job: Job;
  readonly result: string;
  readonly good: boolean;
  readonly milliseconds: number;
  /** The commit that was tried, and the day. */
  readonly commit: string;
  readonly day: string;
}

const begin = "<!-- npm run test:hosts writes the rows below -->";
const end = "<!-- end of the rows -->";
const head = ["host", "QEMU", "gcc", "Node", "user", "what", "result", "time", "commit, day"];

/**
 * The page with new rows in its table, each in the place of an older one of the same host, user and job.
 *
 * @throws {Error} when the page has no place for them.
 */
export function withRows(page: string, rows: readonly Row[]): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no lines "${begin}" and "${end}"`);
  const kept = new Map<string, string>();
  for (const line of page.slice(from, to).split("\n")) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const [, host = "", , , , user = "", job = ""] = cells;
    if (hosts.some(({ title }) => title === host)) kept.set(placeOf(host, user, job), line);
  }
  for (const row of rows) kept.set(placeOf(row.host.title, row.user, row.job), renderRow(row));
  const lines = [...kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  const table = [`| ${head.join(" | ")} |`, `|${head.map(() => "---").join("|")}|`, ...lines];
  return `${page.slice(0, from)}${begin}\n\n${table.join("\n")}\n\n${page.slice(to)}`;
}

/** Sorts rows as the tables of hosts, users and jobs are. */
function placeOf(host: string, user: string, job: string): string {
  const names: readonly string[] = users;
  const places = [
    hosts.findIndex(({ title }) => title === host),
    names.indexOf(user),
    Object.keys(jobs).indexOf(job),
  ];
  return places.map((place) => `${place}`.padStart(2, "0")).join(" ");
}

function renderRow(row: Row): string {
  const { host, qemu, gcc, node, user, job, good, result, commit, day } = row;
  const escaped = result.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
  const cells = [host.title, qemu, gcc, node, user, job, good ? escaped : `**failed**: ${escaped}`];
  return `| ${[...cells, formatTime(row.milliseconds), `${commit}, ${day}`].join(" | ")} |`;
}

/** @example formatTime(125_000) // "2 min 5 s" */
export function formatTime(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
