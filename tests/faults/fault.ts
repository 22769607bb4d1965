/** What an injection came to. */
export interface Injected {
  /** What dstate said or did, in a few words: these are counted. */
  readonly outcome: string;
  /** Why that is not what it has to be; undefined: it is. */
  readonly wrong?: string | undefined;
}

/** A fault that is injected at a moment that chance chooses. */
export interface Fault {
  readonly name: string;
  /** What has to hold whatever moment it is, in a sentence. */
  readonly holds: string;
  /** Whether it starts QEMU: those cost a second or two each. */
  readonly machine?: boolean;
  /** @param dir an empty folder of its own: nothing may be left of it, nor of what ran in it. */
  readonly inject: (chance: Chance, dir: string, signal: AbortSignal) => Promise<Injected>;
}

/** Random numbers that a seed repeats. */
export interface Chance {
  /** A whole number below a limit. */
  below(limit: number): number;
  readonly seed: number;
}

/** @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c (mulberry32, public domain) */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return {
    seed,
    below: (limit) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, limit);
    },
  };
}

/** Turn some bytes of a file around, or cut it off: what a torn write or a failing disk leaves. */
export function damage(bytes: Buffer, chance: Chance): Buffer {
  if (chance.below(2) === 0) return bytes.subarray(0, chance.below(bytes.length));
  const damaged = Buffer.from(bytes);
  const from = chance.below(damaged.length);
  damaged.fill(chance.below(256), from, Math.min(from + 1 + chance.below(200), damaged.length));
  return damaged;
}
