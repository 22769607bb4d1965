/** How QEMU writes down what comes into a machine, by the version at the log's head: 7.2's. */
const knownVersion = 0xe0200c;
const headBytes = 12;

/** The kinds of events that matter here, by their number. */
const kinds = { instructions: 0, block: 8, network: 9, end: 0x27 } as const;

/**
 * How many bytes follow an event: interrupts, exceptions, shutdowns and checkpoints have none. One with a buffer says the
 * buffer's length in its last four.
 *
 * @see https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/replay/replay-internal.h (ReplayEvents)
 */
const bytesAfter = new Map<number, number | { readonly withBuffer: number } | "unknown">([
  [kinds.instructions, 4],
  // What QEMU's main loop was to do later.
  [3, 8],
  [4, 8],
  // Input, which our machines do not have.
  [5, "unknown"],
  [6, "unknown"],
  [7, "unknown"],
  [kinds.block, 8],
  [kinds.network, { withBuffer: 9 }],
  // Characters written, read, not to be read.
  [0x16, 8],
  [0x17, { withBuffer: 4 }],
  [0x18, 4],
  // Sound.
  [0x19, "unknown"],
  [0x1a, "unknown"],
  // Randomness, and two clocks.
  [0x1b, { withBuffer: 8 }],
  [0x1c, 8],
  [0x1d, 8],
]);

/** How many instructions each side of a moment has to have, in one piece: a packet is sent 37,500 after the guest asked. */
const undisturbed = 60_000;
/** How many there are to the next request of a disk that ends: one that has begun would be over by then. */
const disksRest = 5_000_000;
/** States are as far apart: some 5 s of a replay, and 50 to 270 MiB. */
const apart = 400_000_000;

/**
 * The moments of a recording, as numbers of instructions, at which a state can be left. QEMU's saved state lacks a disk's
 * request that is under way; and where a machine stands still for a moment, its network card forgets when it was to send,
 * and packets are lost for which the guest was not ready. So the guest has been computing for a while, and goes on with it,
 * no disk has anything to do, and no packet waits.
 *
 * @param log as QEMU wrote it.
 * @returns none where the log is another QEMU's.
 */
export function quietMoments(log: Buffer): number[] {
  if (log.length < headBytes || log.readUInt32BE(0) !== knownVersion) return [];
  const moments: number[] = [];
  let instructions = 0;
  let lastBlock = 0;
  /** Would be one if no disk's request ends for some time. */
  let candidate: number | undefined;
  /** Who asks the guest for its address waits until its network is up: a packet of the internet says that it is. */
  let network: "silent" | "waits" | "up" = "silent";
  for (let at = headBytes; at < log.length; ) {
    const kind = log[at] ?? kinds.end;
    at += 1;
    if (kind === kinds.instructions) {
      if (at + 4 > log.length) break;
      const count = log.readUInt32BE(at);
      const middle = instructions + Math.floor(count / 2);
      instructions += count;
      if (candidate !== undefined && instructions - candidate > disksRest) {
        moments.push(candidate);
        candidate = undefined;
      }
      const isFar = middle - (moments.at(-1) ?? 0) > apart && middle - lastBlock > disksRest;
      if (candidate === undefined && isFar && network !== "waits" && count > 2 * undisturbed)
        candidate = middle;
    } else if (kind === kinds.block) {
      lastBlock = instructions;
      candidate = undefined;
    } else if (kind === kinds.network && network !== "up") {
      network = isInternet(log, at) ? "up" : "waits";
    } else if (kind === kinds.end) break;
    const more = lengthOf(kind, log, at);
    if (more === undefined) break;
    at += more;
  }
  return moments;
}

/** Whether what follows a packet's event is a packet of IPv4: its Ethernet frame comes after a card, flags and a length. */
function isInternet(log: Buffer, at: number): boolean {
  const type = at + 9 + 12;
  return type + 2 <= log.length && log.readUInt16BE(type) === 0x0800;
}

/** @returns undefined where it is not known, and nothing that follows can be read. */
function lengthOf(kind: number, log: Buffer, at: number): number | undefined {
  const bytes = bytesAfter.get(kind) ?? 0;
  if (typeof bytes === "number") return bytes;
  if (bytes === "unknown" || at + bytes.withBuffer > log.length) return undefined;
  return bytes.withBuffer + log.readUInt32BE(at + bytes.withBuffer - 4);
}
