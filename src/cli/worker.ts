import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { toBytes } from "../base/size.ts";
import { defaultJobs, hostRoom } from "../campaign/pool.ts";
import { Queue } from "../queue/queue.ts";
import { runWorker } from "../queue/worker.ts";
import { withNotes } from "./help.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface WorkerCommandOptions {
  readonly queue: string;
  readonly jobs?: number;
  readonly name?: string;
  readonly migrate?: boolean;
}

/** `dstate worker`: run what others ask for. */
export function addWorker(program: Command, session: Session): void {
  const command = program
    .command("worker")
    .description("take trials and kernel builds from a queue in PostgreSQL, until it is told to end")
    .requiredOption("--queue <postgres-url>", "postgres://USER:PASSWORD@HOST/DATABASE")
    .option("--jobs <n>", "at a time; default from processors and memory", positiveInteger)
    .option("--name <name>", "in records of its trials; default: the host's, and a number", workerName)
    .option("--migrate", "bring the queue of an older dstate to this one's form");
  withNotes(command, {
    about: [
      "`dstate matrix`, `map` and `bisect` with --queue ask; any number of hosts run. A trial and the end of its job are one transaction, so none is lost or counted twice, whatever dies. SIGTERM gives back what runs; a worker that is cut off gives it up.",
      "Repros come with the queue and run as this user: whoever may write to the database is trusted with that.",
    ],
    examples: ["dstate worker --queue postgres://dstate:secret@db/dstate --jobs 2"],
  }).action(async (options: WorkerCommandOptions) => {
    const context = await session.context();
    const { signal } = context;
    await using queue = await Queue.open(options.queue, { signal, migrate: options.migrate });
    const name = options.name ?? `${hostname()}-${randomBytes(2).toString("hex")}`;
    const jobs =
      options.jobs ?? defaultJobs({ cpus: 2, memory: toBytes("1GiB") }, hostRoom(context.settings));
    await runWorker({ queue, name, jobs }, context);
    session.say(`${name} has ended`);
  });
}

function workerName(text: string): string {
  if (!/^[\w.-]{1,80}$/.test(text))
    throw new InvalidArgumentError("expected letters, digits, dots and dashes.");
  return text;
}
