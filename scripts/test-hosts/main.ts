import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { command } from "../../src/base/command.ts";
import type { Context } from "../../src/base/context.ts";
import { exitCode, InfraError, messageOf, UsageError } from "../../src/base/errors.ts";
import { step } from "../../src/base/progress.ts";
import { openSession, type Session } from "../../src/cli/session.ts";
import { renderTable } from "../../src/report/table.ts";
import { type Host, hosts, isJob, isUser, type Job, jobs, type User, users } from "./hosts.ts";
import { doJob, type System, versionsIn } from "./jobs.ts";
import { provideRoot, unpackRoot } from "./root.ts";
import { formatTime, type Row, withRows } from "./table.ts";

const help = `usage: npm run test:hosts -- [HOST...] [--user USER]... [--job JOB]... [--tests FILTER]... [--write] [--keep]

Runs dstate on fresh systems made with mmdebstrap, as root and as an ordinary user. It needs root itself.

hosts: ${hosts.map(({ id }) => id).join(", ")} (default: all)
users: ${users.join(", ")} (default: both)
jobs (default: start and package; one after the other on the same system):
${Object.entries(jobs)
  .map(([name, text]) => `  ${name.padEnd(9)} ${text}`)
  .join("\n")}
--tests  which of the job machines, such as tests/vm/guest.test.ts
--write  put the results into docs/hosts.md
--keep   leave the systems where they are

Example: npm run test:hosts -- sid --user root --job boot`;

interface Request {
  readonly hosts: readonly Host[];
  readonly users: readonly User[];
  readonly jobs: readonly Job[];
  readonly tests: readonly string[];
  readonly write: boolean;
  readonly keep: boolean;
}

function readRequest(argv: readonly string[]): Request | "help" {
  const { values, positionals } = parse(argv);
  if (values.help === true) return "help";
  const chosen = positionals.map((name) => {
    const host = hosts.find(({ id }) => id === name);
    if (!host)
      throw unknown(
        "host",
        name,
        hosts.map(({ id }) => id),
      );
    return host;
  });
  const names = values.user ?? [];
  for (const name of names) if (!isUser(name)) throw unknown("user", name, users);
  const work = values.job ?? [];
  for (const name of work) if (!isJob(name)) throw unknown("job", name, Object.keys(jobs));
  const asked = work.filter(isJob);
  return {
    hosts: chosen.length > 0 ? chosen : hosts,
    users: names.length > 0 ? names.filter(isUser) : users,
    jobs: asked.length > 0 ? asked : ["start", "package"],
    tests: values.tests ?? [],
    write: values.write === true,
    keep: values.keep === true,
  };
}

function parse(argv: readonly string[]) {
  const several = { type: "string", multiple: true } as const;
  const flag = { type: "boolean" } as const;
  const options = { user: several, job: several, tests: several, write: flag, keep: flag, help: flag };
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(messageOf(error), { next: "See `npm run test:hosts -- --help`." });
  }
}

function unknown(what: string, name: string, known: readonly string[]): UsageError {
  return new UsageError(`there is no ${what} "${name}"`, { next: `There are: ${known.join(", ")}.` });
}

async function main(session: Session): Promise<number> {
  const request = readRequest(process.argv.slice(2));
  if (request === "help") {
    session.print(help);
    return 0;
  }
  if (process.getuid?.() !== 0) {
    throw new InfraError(
      "test:hosts makes systems with users and mounts of their own, and needs root for it",
      {
        next: "Run it as root, for example in a throwaway machine.",
      },
    );
  }
  const context = await session.context();
  const { homeDir, logsDir } = context.settings;
  const git = async (...argv: string[]): Promise<string> =>
    (await command(["git", "-C", homeDir, ...argv], { within: "30s", signal: context.signal })).stdout.trim();
  const commit = await git("rev-parse", "--short", "HEAD");
  if ((await git("status", "--porcelain", "--untracked-files=no")) !== "")
    context.progress({
      type: "note",
      text: `clones are of commit ${commit}: changes that are not committed stay out`,
    });
  const logs = join(logsDir, `hosts-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}`);
  await mkdir(logs, { recursive: true });
  const rows: Row[] = [];
  for (const host of request.hosts) {
    for (const user of request.users) {
      const run = await onSystem(host, user, { request, commit, logs, context });
      rows.push(...run);
      // Each at once: what comes later may take hours.
      if (request.write) {
        const page = join(homeDir, "docs/hosts.md");
        await writeFile(page, withRows(await readFile(page, "utf8"), rows));
      }
    }
  }
  await writeFile(join(logs, "results.json"), `${JSON.stringify(rows, null, 2)}\n`);
  const cells = rows.map((row) => [
    row.host.title,
    `QEMU ${row.qemu}, gcc ${row.gcc}`,
    row.user,
    row.job,
    `${row.good ? "" : "FAILED: "}${row.result}`,
    formatTime(row.milliseconds),
  ]);
  session.print(
    renderTable(["host", "has", "user", "what", "result", "time"], cells, { width: session.width }),
  );
  session.print(`logs: ${logs}`);
  return rows.every(({ good }) => good) ? exitCode.clean : exitCode.reproduced;
}

interface Run {
  readonly request: Request;
  readonly commit: string;
  readonly logs: string;
  readonly context: Context;
}

async function onSystem(host: Host, user: User, { request, commit, logs, context }: Run): Promise<Row[]> {
  const only = request.jobs.every((job) => job === "boot");
  const tar = await provideRoot(host, only ? "machines" : "user", context);
  const root = join(context.settings.cacheDir, "test-hosts", `run-${host.id}-${user}-${process.pid}`);
  const log = join(logs, `${host.id}-${user}.log`);
  const rows: Row[] = [];
  try {
    await unpackRoot(tar, root, context.signal);
    for (const job of request.jobs) {
      await step(context.progress, `${host.title}, ${user}: ${job}`, async (progress) => {
        const system: System = { host, user, root, log, tests: request.tests, context, progress };
        const start = performance.now();
        const { good, result } = await doJob(job, system);
        const milliseconds = performance.now() - start;
        progress.conclude(`${good ? "good" : "FAILED"}: ${result}`);
        const day = new Date().toISOString().slice(0, 10);
        rows.push({
          host,
          user,
          job,
          good,
          result,
          milliseconds,
          commit,
          day,
          ...(await versionsIn(system)),
        });
      });
    }
    return rows;
  } finally {
    if (!request.keep) await rm(root, { recursive: true, force: true });
  }
}

using session = openSession();
try {
  process.exitCode = await main(session);
} catch (error) {
  process.exitCode = session.report(error);
}
