import { describe, expect, test } from "vitest";
import { quietMoments } from "../../src/machine/replay-log.ts";

const head = Buffer.from("00e0200c0000000000000000", "hex");
const dword = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const instructions = (count: number): Buffer => Buffer.concat([Buffer.from([0]), dword(count)]);
const block = (id: number): Buffer => Buffer.concat([Buffer.from([8]), Buffer.alloc(4), dword(id)]);
const interrupt = Buffer.from([1]);
const clock = Buffer.concat([Buffer.from([0x1d]), Buffer.alloc(8, 0xff)]);
const frame = (type: number): Buffer =>
  Buffer.concat([
    Buffer.from([9, 0]),
    dword(0),
    dword(16),
    Buffer.alloc(12, 8),
    Buffer.from([8, type, 8, 8]),
  ]);
const [packet, whoHas] = [frame(0), frame(6)];
const random = Buffer.concat([Buffer.from([0x1b]), dword(0), dword(2), Buffer.from([8, 8])]);
const end = Buffer.from([0x27]);
const log = (...events: Buffer[]): Buffer => Buffer.concat([head, ...events]);
/** A guest that computes, with a tick now and then. */
const computing = (ticks: number): Buffer[] =>
  Array.from({ length: ticks }, () => [instructions(1_000_000), interrupt, clock]).flat();

describe("a state is left in a replay", () => {
  test("in the middle of what the guest computes, 400 million instructions apart", () => {
    expect(quietMoments(log(...computing(1000), end))).toEqual([400_500_000, 801_500_000]);
  });

  test("not where something comes every few thousand instructions: a packet may be under way", () => {
    const busy = Array.from({ length: 100 }, () => [instructions(100_000), interrupt]).flat();
    expect(quietMoments(log(...computing(400), ...busy, ...computing(10), end))).toEqual([410_500_000]);
  });

  test("not where a disk's request ends soon before or after it: one may be under way", () => {
    const disk = [...computing(3), block(1), ...computing(3), block(2)];
    const found = quietMoments(log(...computing(400), ...disk, ...disk, ...computing(20), end));
    expect(found).toEqual([417_500_000]);
  });

  test("not while the host asks for the guest's address, whose network is not up yet", () => {
    const asks = log(...computing(400), whoHas, ...computing(20), whoHas, ...computing(20), packet);
    expect(quietMoments(Buffer.concat([asks, ...computing(20)]))).toEqual([440_500_000]);
    const later = log(packet, ...computing(400), whoHas, ...computing(20));
    expect(quietMoments(later)).toEqual([400_500_000]);
  });

  test("nowhere in the last instructions, of which it is not known", () => {
    expect(quietMoments(log(...computing(403), end))).toEqual([]);
  });

  test("past packets and randomness, whose bytes are no events", () => {
    expect(quietMoments(log(packet, random, ...computing(410), end))).toEqual([400_500_000]);
  });

  test("nowhere in another QEMU's log, in none, and in one with sound", () => {
    const other = log(...computing(410), end);
    other.writeUInt32BE(0xe0200d);
    expect(quietMoments(other)).toEqual([]);
    expect(quietMoments(Buffer.alloc(3))).toEqual([]);
    expect(quietMoments(log(Buffer.from([0x1a]), ...computing(410)))).toEqual([]);
  });

  test("as far as a log goes that was cut short", () => {
    const whole = log(packet, random, ...computing(410), end);
    for (let length = 0; length < whole.length; length += 7)
      expect([[], [400_500_000]]).toContainEqual(quietMoments(whole.subarray(0, length)));
  });
});
