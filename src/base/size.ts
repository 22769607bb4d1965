import { UsageError } from "./errors.ts";

/** An amount of memory or disk as a user writes it: bytes as a number, or text such as `"1GiB"`, `"512MiB"`. */
export type Size = number | `${number}${"KiB" | "MiB" | "GiB"}`;

const unit = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/**
 * A size in bytes.
 *
 * @throws {UsageError} when the text is no size, or the value is not a positive whole number of bytes.
 * @example toBytes("1GiB") // 1073741824
 */
export function toBytes(size: Size): number {
  const match = typeof size === "string" ? /^(\d+(?:\.\d+)?)(KiB|MiB|GiB)$/.exec(size) : undefined;
  const value =
    typeof size === "number"
      ? size
      : match
        ? Number(match[1]) * unit[match[2] as keyof typeof unit]
        : Number.NaN;
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new UsageError(`expected a size such as "1GiB" or 512 (bytes), found ${String(size)}`);
  }
  return value;
}

/**
 * Whether something is a size with its unit, for input that comes from outside.
 *
 * @example isSize("512MiB") // true
 */
export function isSize(text: unknown): text is Extract<Size, string> {
  return typeof text === "string" && /^\d*[1-9]\d*(KiB|MiB|GiB)$/.test(text);
}

/** Bytes for people, in binary units. @example formatBytes(5_242_880) // "5.0 MiB" */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [name, factor] =
    bytes < unit.MiB ? ["KiB", unit.KiB] : bytes < unit.GiB ? ["MiB", unit.MiB] : ["GiB", unit.GiB];
  return `${(bytes / Number(factor)).toFixed(1)} ${name}`;
}
