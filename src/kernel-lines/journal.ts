/** A record of a structured log, as far as it matters here. */
export interface JournalRecord {
  readonly message: string;
  /** Whether only the kernel can have written it; else it has to look like that. */
  readonly certain: boolean;
  /** Seconds since boot. */
  readonly time?: number;
  /** ISO 8601. */
  readonly date?: string;
}

/** Where the message is: in the journal, in a container's log, in what collectors make of it. */
const messageFields = ["MESSAGE", "log", "message", "msg", "textPayload"] as const;

/**
 * A line of `journalctl -o json`, or of a container's log that wraps the console.
 *
 * @returns the kernel's record; null for one of another program; undefined when the line is no such record.
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.journal-fields.html
 * @example readJournal('{"_TRANSPORT":"kernel","MESSAGE":"Oops: 0000 [#1]"}') ?.message // "Oops: 0000 [#1]"
 */
export function readJournal(line: string): JournalRecord | null | undefined {
  if (!/^\{"/.test(line) || !/"(?:MESSAGE|message|log|msg|textPayload)" ?:/.test(line)) return undefined;
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof record !== "object" || record === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(record));
  const name = messageFields.find((field) => fields.get(field) !== undefined);
  const message = name === undefined ? undefined : textOf(fields.get(name));
  if (message === undefined) return undefined;
  const from = [fields.get("_TRANSPORT"), fields.get("SYSLOG_IDENTIFIER")];
  if (from.some((name) => name !== undefined) && !from.includes("kernel")) return null;
  // The kernel's own stamp, where the journal kept it, and not when the journal came to read the line.
  const time = microseconds(fields.get("_SOURCE_MONOTONIC_TIMESTAMP") ?? fields.get("__MONOTONIC_TIMESTAMP"));
  const date = microseconds(fields.get("__REALTIME_TIMESTAMP"));
  return {
    message,
    certain: name === "MESSAGE" || name === "log",
    ...(time === undefined ? {} : { time: time / 1e6 }),
    ...(date === undefined || date > 8.64e18 ? {} : { date: new Date(date / 1000).toISOString() }),
  };
}

/** Text that is no UTF-8 comes as a list of its bytes. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const bytes = value.filter((byte): byte is number => typeof byte === "number");
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

function microseconds(value: unknown): number | undefined {
  return typeof value === "string" && /^\d{1,17}$/.test(value) ? Number(value) : undefined;
}
