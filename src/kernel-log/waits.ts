import { readLine } from "../kernel-lines/line.ts";
import { clip } from "./noted.ts";

/** A task as the kernel names it. */
export interface WaitingTask {
  readonly comm: string;
  readonly pid: number;
}

/** One task that waits for a lock, and who has it, where the kernel says so. */
export interface Wait {
  readonly waiter: WaitingTask;
  /** `mutex`, `semaphore`, `rw-semaphore`; or the name of lockdep's class, such as `&ctx->uring_lock`. */
  readonly lock: string;
  /** Missing where the kernel did not find it. */
  readonly owner?: WaitingTask;
  /** `hung-task`: the detector says "likely". `lockdep`: from the list of all held locks. */
  readonly source: "hung-task" | "lockdep";
}

/**
 * "INFO: task a:1 is blocked on a mutex likely owned by task b:2." since Linux 6.16; semaphores, rw-semaphores and
 * the reader or writer of each came later.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/hung_task.c (debug_show_blocker)
 */
const blocked =
  /^INFO: task (?<waiter>.{1,64}?):(?<pid>\d+)(?: <\w+>)?(?: is)? blocked on an? (?<lock>[\w-]+),? (?:(?:likely owned by|likely last held by) task (?<owner>.{1,64}):(?<ownerPid>\d+)|but the (?:owner|last holder) is not found)/;

/** @see https://github.com/torvalds/linux/blob/master/kernel/locking/lockdep.c (lockdep_print_held_locks) */
const holder = /^(?:\d+ locks?|no locks) held by (?<comm>.{1,64})\/(?<pid>\d+):?/;
const held =
  /^#(?<index>\d+): (?<address>[0-9a-f]{8,16}) \((?<lock>.{1,128}?)\)\{[^}]*\}(?:-\{\d+:\d+\})?(?:, at: (?:\[<[0-9a-f]+>\] )?(?<at>[A-Za-z_][\w.]*))?/;

interface Listed {
  readonly task: WaitingTask;
  readonly lock: string;
  readonly last: boolean;
}

/** A lock in the list of all held locks. A task that waits for it lists it, too. */
export interface HeldLock {
  readonly task: WaitingTask;
  /** Lockdep's class, such as `&ctx->uring_lock`. */
  readonly lock: string;
  /** Where it was asked for. */
  readonly at?: string;
}

/** Lines of others that can stand between the locks of a task. */
const mostStrangers = 8;

/** Bounds that keep a hostile log from filling memory. */
const limit = { waits: 1000, held: 1000, addresses: 1000 } as const;

/**
 * Reads who waits for whom from a log, line by line: from the hung-task detector's lines, and from lockdep's list of
 * all held locks (sysrq d, or below a hung task) where the kernel has lockdep. Nothing is inferred from stacks.
 */
export class WaitReader {
  readonly #waits = new Map<string, Wait>();
  readonly #held = new Map<string, HeldLock>();
  #task: WaitingTask | undefined;
  #strangers = 0;
  #before: { readonly address: string; readonly entry: Listed } | undefined;
  /** By the lock's address: every task that lists it. A second list starts anew. */
  #locks = new Map<string, Listed[]>();

  /** Whether a task's list of locks is being read. */
  get isListing(): boolean {
    return this.#task !== undefined;
  }

  /** A line without its prefix. */
  see(text: string): void {
    const block = text.startsWith("INFO: task ") ? blocked.exec(text)?.groups : undefined;
    if (block) this.#add(waitOf(block));
    if (text.startsWith("Showing all locks held in the system")) this.#finish();
    const who = text.includes(" held by ") ? holder.exec(text)?.groups : undefined;
    if (who) {
      this.#flush(true);
      this.#task = { comm: clip(who.comm ?? ""), pid: Number(who.pid) };
      this.#strangers = 0;
      return;
    }
    if (!this.#task) return;
    const lock = held.exec(text)?.groups;
    if (lock) {
      this.#flush(false);
      const entry = { task: this.#task, lock: clip(lock.lock ?? ""), last: false };
      this.#before = { address: lock.address ?? "", entry };
      this.#note(entry, lock.at);
      this.#strangers = 0;
    } else if (text !== "" && ++this.#strangers > mostStrangers) {
      this.#flush(true);
      this.#task = undefined;
    }
  }

  /** Who waits for whom, as far as the lines tell. */
  waits(): Wait[] {
    this.#finish();
    return [...this.#waits.values()];
  }

  /** The locks that lockdep listed. */
  held(): HeldLock[] {
    return [...this.#held.values()];
  }

  #add(wait: Wait): void {
    const key = `${wait.source} ${wait.waiter.pid} ${wait.lock} ${wait.owner?.pid}`;
    if (this.#waits.size < limit.waits) this.#waits.set(key, wait);
  }

  #note({ task, lock }: Listed, at: string | undefined): void {
    const key = `${task.pid} ${lock} ${at}`;
    if (this.#held.size < limit.held)
      this.#held.set(key, { task, lock, ...(at === undefined ? {} : { at }) });
  }

  #flush(last: boolean): void {
    const before = this.#before;
    this.#before = undefined;
    if (!before) return;
    const entries = this.#locks.get(before.address) ?? [];
    entries.push({ ...before.entry, last });
    if (this.#locks.size < limit.addresses) this.#locks.set(before.address, entries);
  }

  #finish(): void {
    this.#flush(true);
    for (const wait of contended(this.#locks)) this.#add(wait);
    this.#locks = new Map();
    this.#task = undefined;
  }
}

/**
 * Who waits for whom, as far as a kernel log tells.
 *
 * @example readWaits("INFO: task a:1 is blocked on a mutex likely owned by task b:2.")[0]?.owner // { comm: "b", pid: 2 }
 */
export function readWaits(log: string): Wait[] {
  const reader = new WaitReader();
  for (const [number, raw] of log.split("\n").entries()) {
    for (const { text } of readLine(raw.slice(0, 4096), number + 1)) reader.see(text);
  }
  return reader.waits();
}

function waitOf(groups: Readonly<Record<string, string | undefined>>): Wait {
  const owner =
    groups.owner === undefined ? {} : { owner: { comm: clip(groups.owner), pid: Number(groups.ownerPid) } };
  return {
    waiter: { comm: clip(groups.waiter ?? ""), pid: Number(groups.pid) },
    lock: clip(groups.lock ?? ""),
    ...owner,
    source: "hung-task",
  };
}

/**
 * Lockdep lists a lock from the moment a task asks for it, so who waits and who holds look alike. A task that took
 * another lock after it has this one; only when there is exactly one such task are the others said to wait for it.
 */
function contended(locks: ReadonlyMap<string, readonly Listed[]>): Wait[] {
  return [...locks.values()].flatMap((entries) => {
    const owners = entries.filter((entry) => !entry.last);
    const owner = owners[0];
    if (entries.length < 2 || owners.length !== 1 || !owner) return [];
    return entries
      .filter((entry) => entry !== owner)
      .map((entry) => ({
        waiter: entry.task,
        lock: entry.lock,
        owner: owner.task,
        source: "lockdep" as const,
      }));
  });
}

/**
 * Waits as lines for people, each from a task that nobody waits for to the last one known. A circle is called one.
 *
 * @example describeWaits(readWaits(log.text)) // ["cat:12 waits for sh:10 (mutex)"]
 */
export function describeWaits(waits: readonly Wait[]): string[] {
  const byWaiter = new Map(waits.map((wait) => [wait.waiter.pid, wait]));
  const owners = new Set(waits.map((wait) => wait.owner?.pid));
  const open = waits.filter((wait) => !owners.has(wait.waiter.pid));
  const lines: string[] = [];
  const told = new Set<number>();
  for (const start of [...open, ...waits]) {
    if (told.has(start.waiter.pid)) continue;
    let line = `${start.waiter.comm}:${start.waiter.pid}`;
    const seen = new Set<number>();
    for (let wait: Wait | undefined = start; wait; wait = byWaiter.get(wait.owner?.pid ?? -1)) {
      seen.add(wait.waiter.pid);
      told.add(wait.waiter.pid);
      line += wait.owner
        ? ` waits for ${wait.owner.comm}:${wait.owner.pid} (${wait.lock})`
        : ` waits for a ${wait.lock} whose owner the kernel does not know`;
      if (wait.owner && seen.has(wait.owner.pid)) {
        line += ": a circle";
        break;
      }
    }
    lines.push(line);
  }
  return lines;
}
