import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import type { Within } from "../base/deadline.ts";
import { DeadlineError, InfraError, UsageError } from "../base/errors.ts";
import { identify, isAlive, ownerSchema, ownIdentity } from "../base/owner.ts";
import { type Step, step } from "../base/progress.ts";
import type { Settings } from "../base/settings.ts";
import { formatBytes } from "../base/size.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, withDeadline } from "../base/wait.ts";
import { type Admission, admit, type Reservation, type Room, reservationFor } from "./room.ts";

/** Memory of the host that is kept for machines. Who took it gives it back, by disposing it. */
export interface Lease extends Disposable {
  /** Of all its machines. Bytes. */
  readonly bytes: number;
  /**
   * Name the QEMU of one of its machines: what it has taken already need not be free as well. One that is gone makes
   * place for the next.
   */
  claim(qemu: number): void;
}

const tables = `
  PRAGMA busy_timeout = 10000;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, startTime TEXT NOT NULL, boot TEXT NOT NULL,
    bytes INTEGER NOT NULL, qemu INTEGER) STRICT;
`;

const rowSchema = ownerSchema.extend({ id: z.int(), bytes: z.int(), qemu: z.int().nullable() });

/**
 * Memory for a machine, taken from what all dstate processes of this user share: no two of them start more
 * machines than the host can hold. Waits, in order of asking, until those ahead leave room; what a process that
 * is gone had taken is free at once.
 *
 * The leases are rows of an SQLite file, for its transactions need no process to clean up after one that dies.
 *
 * @param memory of the guest, in bytes.
 * @param options.machines that start together; room for one after the other may never come together.
 * @throws {UsageError} when it would not fit on the idle host. {InfraError} when there is no room in time.
 * @example using room = await takeRoom(2 ** 30, context);
 */
export async function takeRoom(
  memory: number,
  context: Context,
  options: { readonly machines?: number; readonly within?: Within | undefined } = {},
): Promise<Lease> {
  const { runtimeDir } = context.settings;
  const { machines = 1 } = options;
  const each = reservationFor(memory);
  const bytes = machines * each;
  const own = ownIdentity();
  // A row for each machine, for each has a QEMU of its own.
  const ids = withLeases(runtimeDir, (leases) => {
    const add = leases.prepare("INSERT INTO leases (pid, startTime, boot, bytes) VALUES (?, ?, ?, ?)");
    return Array.from({ length: machines }, () =>
      Number(add.run(own.pid, own.startTime, own.boot, each).lastInsertRowid),
    );
  });
  const [id = 0] = ids;
  const give = (): void =>
    withLeases(runtimeDir, (leases) => {
      for (const each of ids) leases.prepare("DELETE FROM leases WHERE id = ?").run(each);
    });
  const look = (): { admission: Admission; ahead: number[] } => {
    const ahead = leasesBefore(runtimeDir, id);
    return {
      admission: decide(bytes, machines, ahead, roomOf(context.settings)),
      ahead: [...new Set(ahead.map(({ pid }) => pid))],
    };
  };
  try {
    const first = look();
    // With no machine that will end, only other programs can leave room: that is not worth an hour.
    const within =
      options.within ?? (first.ahead.length > 0 ? timeouts.queue.machines : timeouts.queue.memory);
    if (first.admission.type === "wait")
      await step(context.progress, `wait for ${formatBytes(bytes)} of memory`, (progress) =>
        waitForRoom(look, progress, { within, signal: context.signal }),
      );
  } catch (error) {
    give();
    throw error;
  }
  return {
    bytes,
    claim: (qemu) =>
      withLeases(runtimeDir, (leases) => {
        const isFree = (each: number): boolean => {
          const claimed = leases.prepare("SELECT qemu FROM leases WHERE id = ?").get(each)?.qemu;
          return typeof claimed !== "number" || !identify(claimed);
        };
        const free = ids.find(isFree) ?? id;
        leases.prepare("UPDATE leases SET qemu = ? WHERE id = ?").run(qemu, free);
      }),
    [Symbol.dispose]: give,
  };
}

/** What machines may take together here: what the user set, else what the host has. */
export function roomOf(settings: Pick<Settings, "memory">): Room {
  if (settings.memory !== undefined) return { type: "budget", bytes: settings.memory };
  // Without a limit on this process's control group this number is beyond all memory.
  const total = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return { type: "host", total, available: Math.min(process.availableMemory(), total) };
}

function decide(bytes: number, machines: number, ahead: readonly Reservation[], room: Room): Admission {
  const admission = admit(bytes, ahead, room);
  if (admission.type !== "never") return admission;
  const what = machines === 1 ? "a machine" : `${machines} machines`;
  throw new UsageError(
    `${what} may take ${formatBytes(bytes)}, QEMU's own memory included, and ${
      room.type === "budget" ? "DSTATE_MEMORY allows" : "this host has room for"
    } ${formatBytes(admission.most)}`,
    {
      next:
        room.type === "budget"
          ? "Set DSTATE_MEMORY higher, or give machines less memory."
          : "Give machines less memory; DSTATE_MEMORY sets what all of them may take together.",
    },
  );
}

async function waitForRoom(
  look: () => { admission: Admission; ahead: number[] },
  progress: Step,
  options: { readonly within: Within; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await withDeadline("memory for a machine", options, async (signal) => {
      for (;;) {
        const { admission, ahead } = look();
        if (admission.type !== "wait") return;
        const others = ahead.length === 0 ? "taken by other programs" : `ahead: process ${ahead.join(", ")}`;
        progress.update({ detail: `${formatBytes(admission.missing)} too little; ${others}` });
        await pause("200ms", signal);
      }
    });
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new InfraError(`there was no memory for another machine: ${error.message}`, {
      next: "End other programs, or set DSTATE_MEMORY to what all machines may take together.",
      cause: error,
    });
  }
}

/** The leases of living processes that were asked for before one, the first one first. */
function leasesBefore(runtimeDir: string, id: number): (Reservation & { pid: number })[] {
  return withLeases(runtimeDir, (leases) => {
    const ahead: (Reservation & { pid: number })[] = [];
    for (const row of leases.prepare("SELECT * FROM leases WHERE id < ? ORDER BY id").all(id)) {
      const { id: other, bytes, qemu, ...owner } = rowSchema.parse(row);
      if (isAlive(owner))
        ahead.push({ bytes, used: qemu === null ? 0 : anonymousMemory(qemu), pid: owner.pid });
      else leases.prepare("DELETE FROM leases WHERE id = ?").run(other);
    }
    return ahead;
  });
}

/**
 * What a process has taken of the host's memory for itself alone.
 *
 * @see https://www.kernel.org/doc/html/latest/filesystems/proc.html (RssAnon)
 */
function anonymousMemory(pid: number): number {
  try {
    return (
      Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024
    );
  } catch {
    return 0;
  }
}

/**
 * Do something with the leases that no other process can do at the same time. A torn file of them is begun anew: what
 * living machines have taken is counted by what the host has left.
 */
function withLeases<T>(runtimeDir: string, work: (leases: DatabaseSync) => T): T {
  mkdirSync(runtimeDir, { recursive: true, mode: 0o700 });
  try {
    return inFile(runtimeDir, work);
  } catch (error) {
    if (!isTorn(error)) throw error;
    for (const ending of ["", "-journal", "-wal", "-shm"])
      rmSync(join(runtimeDir, `leases.sqlite${ending}`), { force: true });
    return inFile(runtimeDir, work);
  }
}

/**
 * Whether a file is no database any more, or one whose tables or rows are none of ours: SQLite's primary result codes
 * for errors in tables, torn files and files of another kind, and what the schema of a row refuses.
 *
 * @see https://www.sqlite.org/rescode.html
 */
function isTorn(error: unknown): boolean {
  if (error instanceof z.ZodError) return true;
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return [1, 11, 19, 26].includes(code);
}

function inFile<T>(runtimeDir: string, work: (leases: DatabaseSync) => T): T {
  const leases = new DatabaseSync(join(runtimeDir, "leases.sqlite"));
  try {
    leases.exec(tables);
    leases.exec("BEGIN IMMEDIATE");
    const result = work(leases);
    leases.exec("COMMIT");
    return result;
  } finally {
    leases.close();
  }
}
