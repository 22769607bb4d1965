/** Milliseconds as people read them. @example duration(61_500) // "1 min 1.5 s" */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = (ms - minutes * 60_000) / 1000;
  return minutes === 0 ? `${seconds.toFixed(1)} s` : `${minutes} min ${seconds.toFixed(0)} s`;
}

/** Bytes as people read them. @example bytes(2048) // "2.0 KiB" */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`;
  if (count < 1024 ** 3) return `${(count / 1024 ** 2).toFixed(1)} MiB`;
  return `${(count / 1024 ** 3).toFixed(1)} GiB`;
}

/** A share as per cent. @example percent(0.125) // "13 %" */
export function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 && (value < 1 || (value > 99 && value < 100)) ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** A point in time on the reader's clock. */
export function when(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}
