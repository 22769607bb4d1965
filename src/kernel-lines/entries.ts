/** A record that was spread over several lines, as one line of JSON. */
export interface Entry {
  readonly text: string;
  /** The line that its message stands in. */
  readonly number: number;
}

/** Bounds that keep a hostile log from filling memory. */
const limit = { fields: 200, value: 8192 } as const;

const exportStart = /^__CURSOR=/;
const verboseStart = /^\S.{10,60} \[s=[0-9a-f]+;i=[0-9a-f]+;/;
const field = /^(?: {4})?([A-Z_][A-Z0-9_]{0,63})=(.*)$/;
const prettyStart = /^\s{1,4}"(?:__CURSOR|_TRANSPORT|MESSAGE|_SOURCE_MONOTONIC_TIMESTAMP)" : /;
const prettyField = /^\s{1,4}"(\w{1,64})" : (?:"((?:[^"\\]|\\.)*)"|null|\[)/;
const dmesgField = /^\s{4,}"(pri|time|msg|caller)": *(?:"((?:[^"\\]|\\.)*)"|([\d.]+))/;
const wanted = new Set([
  "MESSAGE",
  "_TRANSPORT",
  "SYSLOG_IDENTIFIER",
  "_SOURCE_MONOTONIC_TIMESTAMP",
  "__MONOTONIC_TIMESTAMP",
  "__REALTIME_TIMESTAMP",
]);

/**
 * Records of several lines: `journalctl -o export`, `-o verbose` and `-o json-pretty`, and `dmesg --json`.
 *
 * @see https://systemd.io/JOURNAL_EXPORT_FORMATS/
 * @see https://man7.org/linux/man-pages/man1/dmesg.1.html
 */
export class Entries {
  #fields: Map<string, string> | undefined;
  #number = 0;
  #form: "journal" | "pretty" | "dmesg" = "journal";

  /** Whether a record has begun that can go on. */
  get open(): boolean {
    return this.#fields !== undefined;
  }

  /** @returns whether the line belongs to a record, and the record that is complete now. */
  take(line: string, number: number): { readonly taken: boolean; readonly entry?: Entry | undefined } {
    if (exportStart.test(line) || verboseStart.test(line)) {
      const entry = this.end();
      this.#begin("journal");
      return { taken: true, entry };
    }
    if (prettyStart.test(line) && !this.open) {
      this.#begin("pretty");
    }
    const dmesg = dmesgField.exec(line);
    if (dmesg && (!this.open || this.#form === "dmesg"))
      return { taken: true, entry: this.#dmesg(dmesg, number) };
    if (!this.open) return { taken: false };
    const match = (this.#form === "pretty" ? prettyField : field).exec(line);
    if (match && this.#form !== "dmesg") {
      this.#set(match[1] ?? "", this.#form === "pretty" ? textOf(match[2] ?? "") : (match[2] ?? ""), number);
      return { taken: true };
    }
    if (this.#form === "pretty" && !/^\}/.test(line)) return { taken: true };
    const entry = this.end();
    return { taken: line === "" || /^\}/.test(line), entry };
  }

  /** The log ends here. @returns the record that was still open. */
  end(): Entry | undefined {
    const fields = this.#fields;
    this.#fields = undefined;
    if (!fields?.has("MESSAGE")) return undefined;
    return { text: JSON.stringify(Object.fromEntries(fields)), number: this.#number };
  }

  #begin(form: "journal" | "pretty" | "dmesg"): void {
    this.#fields = new Map();
    this.#form = form;
  }

  #set(name: string, value: string, number: number): void {
    if (!wanted.has(name) || !this.#fields || this.#fields.size > limit.fields) return;
    this.#fields.set(name, value.slice(0, limit.value));
    if (name === "MESSAGE") this.#number = number;
  }

  #dmesg(match: RegExpExecArray, number: number): Entry | undefined {
    if (!this.open || match[1] === "pri") this.#begin("dmesg");
    const [, name, text = "", value = ""] = match;
    if (name === "time")
      this.#set("_SOURCE_MONOTONIC_TIMESTAMP", `${Math.round(Number(value) * 1e6)}`, number);
    if (name !== "msg") return undefined;
    this.#set("_TRANSPORT", "kernel", number);
    this.#set("MESSAGE", textOf(text), number);
    return this.end();
  }
}

function textOf(text: string): string {
  try {
    const value: unknown = JSON.parse(`"${text}"`);
    return typeof value === "string" ? value : text;
  } catch {
    return text;
  }
}
