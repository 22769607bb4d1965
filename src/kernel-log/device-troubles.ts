import type { LogLine } from "../kernel-lines/line.ts";
import type { Finding } from "./finding.ts";
import type { Format } from "./formats/index.ts";
import { asWritten, clip, noted } from "./noted.ts";
import { fillTitle } from "./title.ts";

/** What belongs to one trouble comes in this many lines and seconds, however often it is said. */
const limit = { lines: 500, seconds: 60, devices: 256 } as const;

interface Trouble {
  readonly format: Format;
  readonly first: LogLine;
  readonly detail: Record<string, string>;
  last: LogLine;
  count: number;
}

/**
 * Troubles of devices. A device says the same many times over, between the lines of other reports, so these have
 * nothing to do with the contexts of reports, and all that it says within a while is one finding.
 */
export class DeviceTroubles {
  readonly #open = new Map<string, Trouble>();
  #done: Finding[] = [];

  /** A line that a device's format matches. */
  take(format: Format, match: RegExpExecArray, line: LogLine): void {
    const detail = { ...noted(match.groups), ...format.about };
    const key = `${detail.subsystem} ${detail.device ?? ""}`;
    const before = this.#open.get(key);
    if (before && !isPast(before, line)) {
      before.last = line;
      before.count += before.format === format ? 1 : 0;
      // What comes once is worse than what had to repeat.
      if (before.format.repeats === undefined || format.repeats !== undefined) return;
    }
    if (before) this.#close(key, before);
    if (this.#open.size >= limit.devices) {
      const [oldest] = this.#open;
      if (oldest) this.#close(...oldest);
    }
    this.#open.set(key, { format, first: line, last: line, detail, count: 1 });
  }

  /** @returns the troubles that are over, as of a line; all of them without one. */
  end(line?: LogLine): Finding[] {
    for (const [key, trouble] of this.#open) if (!line || isPast(trouble, line)) this.#close(key, trouble);
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** The troubles that go on, as they are now. */
  peek(): Finding[] {
    return [...this.#open.values()].filter(isTrouble).map(findingOf);
  }

  #close(key: string, trouble: Trouble): void {
    this.#open.delete(key);
    if (isTrouble(trouble)) this.#done.push(findingOf(trouble));
  }
}

function isTrouble({ format, count }: Trouble): boolean {
  return count >= (format.repeats ?? 1);
}

function isPast({ last }: Trouble, line: LogLine): boolean {
  const late = line.time !== undefined && last.time !== undefined && line.time - last.time > limit.seconds;
  return late || line.number - last.number > limit.lines;
}

function findingOf({ format, first, last, detail, count }: Trouble): Finding {
  return {
    kind: format.kind,
    title: fillTitle(format.title, detail),
    ...(first.time === undefined ? {} : { time: first.time }),
    ...(first.date === undefined ? {} : { date: asWritten(first.date) }),
    frames: [],
    firstLine: Math.min(first.number, last.number),
    lastLine: Math.max(first.number, last.until ?? last.number),
    detail: {
      ...detail,
      message: clip(first.text),
      ...(last.text === first.text ? {} : { end: clip(last.text) }),
      ...(count > 1 ? { times: `${count}` } : {}),
    },
  };
}
