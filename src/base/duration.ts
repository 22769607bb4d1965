import { UsageError } from "./errors.ts";

/** A span of time as a user writes it: milliseconds as a number, or text such as `"5s"`, `"250ms"`, `"2m"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h"}`;

const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/**
 * A duration in milliseconds.
 *
 * @throws {UsageError} when the text is no duration, or the value is negative or not finite.
 * @example toMilliseconds("1.5s") // 1500
 */
export function toMilliseconds(duration: Duration): number {
  const value = typeof duration === "number" ? duration : parse(duration);
  if (!Number.isFinite(value) || value < 0) {
    throw new UsageError(`expected a duration such as "5s" or 250 (milliseconds), found ${String(duration)}`);
  }
  return value;
}

/**
 * Whether a text is a duration, for input that comes from outside.
 *
 * @example isDuration("90s") // true
 */
export function isDuration(text: string): text is Extract<Duration, string> {
  return /^\d+(\.\d+)?(ms|s|m|h)$/.test(text);
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  return match ? Number(match[1]) * unit[match[2] as keyof typeof unit] : Number.NaN;
}
