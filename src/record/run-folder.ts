import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Settings } from "../base/settings.ts";

/**
 * A name for a run's folder below the logs: when it began, what it is about, and two bytes that tell runs of one
 * second apart.
 *
 * @example runFolder(settings, "io-uring-dstate") // ".../logs/2026-11-26T15-25-41-io-uring-dstate-491a"
 */
export function runFolder(settings: Pick<Settings, "logsDir">, about: string, at: Date = new Date()): string {
  const time = at.toISOString().slice(0, 19).replaceAll(":", "-");
  return join(settings.logsDir, `${time}-${about}-${randomBytes(2).toString("hex")}`);
}
