/** A line of a dump, with its number in the log. */
export interface DumpLine {
  readonly text: string;
  readonly number: number;
}

interface Dump {
  readonly parts: Map<number, DumpLine[]>;
}

/** What is kept to put parts in order; more than that is given back as it came. */
const limit = { characters: 8_000_000 } as const;

/** How pstore begins each part: the reason, which dump of this boot, which part counted from the newest. */
const header =
  /^(?:\[[^\]]{1,40}\] )?(Panic|Oops|Emergency|Restart|Halt|Poweroff|Shutdown|Unknown)#(\d{1,6}) Part(\d{1,4})\s*$/;
/** The name of a part's file, as `tail` and people print it between the parts. */
const name = /^(?:=+> ?)?\S*dmesg-(?:efi|erst|ramoops|nvram|blk|zone|mtd)\S*(?: ?<=+|:)?\s*$/;
const between = /^(?:\s*|={4}\d+\.\d+-[CD].*|-{3,}.*|={3,}.*)$/;

/**
 * Parts of what pstore kept over a reboot, joined to whole dumps. The firmware keeps small records, so a dump comes
 * in many parts, newest first, and the parts of several dumps are mixed when their files are printed by name.
 *
 * @see https://github.com/torvalds/linux/blob/master/fs/pstore/platform.c (pstore_dump)
 * @see https://docs.kernel.org/admin-guide/ramoops.html
 */
export class Dumps {
  #dumps = new Map<string, Dump>();
  #part: DumpLine[] | undefined;
  #size = 0;

  /** Whether parts are being collected. */
  get open(): boolean {
    return this.#dumps.size > 0;
  }

  /** Whether a line begins a part. */
  static begins(line: string): boolean {
    return header.test(line);
  }

  /** @returns whether the line was taken. */
  take(text: string, number: number): boolean {
    const match = header.exec(text);
    if (match) {
      this.#begin(`${match[1]}#${match[2]}`, Number(match[3]));
      return true;
    }
    if (!this.open) return false;
    if (name.test(text)) {
      this.#part = undefined;
      return true;
    }
    if (!this.#part) return between.test(text);
    this.#size += text.length + 1;
    this.#part.push({ text, number });
    return true;
  }

  /** Whether there is no room for more. */
  get full(): boolean {
    return this.#size > limit.characters;
  }

  /** @returns the lines of each dump, oldest first, and starts anew. */
  flush(): DumpLine[][] {
    const whole = [...this.#dumps.values()].map(({ parts }) =>
      [...parts].sort(([a], [b]) => b - a).flatMap(([, lines]) => lines),
    );
    this.#dumps = new Map();
    this.#part = undefined;
    this.#size = 0;
    return whole;
  }

  #begin(key: string, part: number): void {
    const dump = this.#dumps.get(key) ?? { parts: new Map<number, DumpLine[]>() };
    this.#dumps.set(key, dump);
    // The same part of the same dump again is another boot's: it goes behind.
    const lines = dump.parts.get(part) ?? [];
    dump.parts.set(part, lines);
    this.#part = lines;
  }
}
