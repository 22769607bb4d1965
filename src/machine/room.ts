/** What one machine may take of the host's memory, and what it has taken so far. Bytes. */
export interface Reservation {
  readonly bytes: number;
  readonly used: number;
}

/** The host's memory. Bytes. */
export interface HostMemory {
  /** All there is; in a container: all that it may use. */
  readonly total: number;
  /** What can be had now without pushing anything out. */
  readonly available: number;
}

/** What machines may take together. */
export type Room =
  /** The user's word: nothing else is looked at. */
  { readonly type: "budget"; readonly bytes: number } | ({ readonly type: "host" } & HostMemory);

/** Whether a machine may start. */
export type Admission =
  | { readonly type: "start" }
  /** It fits when others have ended: `missing` bytes from now. */
  | { readonly type: "wait"; readonly missing: number }
  /** It would not fit on an idle host: `most` bytes would. */
  | { readonly type: "never"; readonly most: number };

const mebi = 2 ** 20;

/**
 * What QEMU itself takes beside the guest's memory: most of it is code that TCG has translated. Measured: 2,530
 * MiB of anonymous memory at the most for a guest of 2 GiB that ran Node and had touched all its memory.
 */
const ownOfQemu = 512 * mebi;

/** What is left to everything else: an eighth of the host, at most 2 GiB. */
function reserveOf(total: number): number {
  return Math.min(total / 8, 2048 * mebi);
}

/**
 * What to reserve for a machine: all of its guest's memory, warm or cold. A warm machine shares the pages of its
 * frozen memory and begins with little of its own (81 MiB, measured), but each page that its guest writes becomes
 * its own, up to the guest's full size; to count on less would be a bet on the workload.
 *
 * @param memory of the guest, in bytes.
 */
export function reservationFor(memory: number): number {
  return memory + ownOfQemu;
}

/** What machines may take together at the most, with nothing else on the host. */
export function mostOf(room: Room): number {
  return room.type === "budget" ? room.bytes : Math.max(0, room.total - reserveOf(room.total));
}

/**
 * Whether a machine may start, given those ahead of it: all that run, and all that asked before. Nobody
 * overtakes, so a large machine is not kept out by small ones for ever. Pure.
 *
 * The host has to have room for what those ahead may still take, not only for what they have taken: memory that
 * is free now is not free when they need it.
 *
 * @example admit(2 ** 30, [], { type: "budget", bytes: 2 ** 30 }) // { type: "start" }
 */
export function admit(wanted: number, ahead: readonly Reservation[], room: Room): Admission {
  const most = mostOf(room);
  if (wanted > most) return { type: "never", most };
  const reserved = ahead.reduce((sum, { bytes }) => sum + bytes, 0);
  let missing = reserved + wanted - most;
  if (room.type === "host") {
    const promised = ahead.reduce((sum, { bytes, used }) => sum + Math.max(0, bytes - used), 0);
    missing = Math.max(missing, promised + wanted - (room.available - reserveOf(room.total)));
  }
  return missing <= 0 ? { type: "start" } : { type: "wait", missing };
}
