import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";

const messageSchema = z.union([
  z.object({
    QMP: z.object({
      version: z.object({ qemu: z.object({ major: z.int(), minor: z.int(), micro: z.int() }) }),
    }),
  }),
  z.object({ return: z.unknown(), id: z.number() }),
  z.object({ error: z.object({ class: z.string(), desc: z.string() }), id: z.number() }),
  z.object({
    event: z.string().max(128),
    data: z.record(z.string(), z.unknown()).optional(),
    timestamp: z.object({ seconds: z.number(), microseconds: z.number() }),
  }),
]);

/** What QEMU says over its monitor. */
export type QmpMessage = z.infer<typeof messageSchema>;

/** The longest answers, registers of many processors, have some 100 kB. */
const longestMessage = 16 * 1024 * 1024;

/**
 * Cuts what comes from a monitor into messages. A guest may have taken QEMU over: what is no message is passed over, and
 * one without an end does not fill the host's memory.
 *
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export class QmpMessages {
  #pieces: string[] = [];
  #length = 0;

  /** @throws {InfraError} when a message is longer than any that QEMU sends. */
  push(text: string): QmpMessage[] {
    const end = text.lastIndexOf("\n");
    if (end < 0) {
      this.#keep(text);
      return [];
    }
    const lines = [...this.#pieces, text.slice(0, end)].join("").split("\n");
    [this.#pieces, this.#length] = [[], 0];
    this.#keep(text.slice(end + 1));
    return lines.flatMap((line) => {
      const parsed = messageSchema.safeParse(parseJson(line));
      return parsed.success ? [parsed.data] : [];
    });
  }

  #keep(text: string): void {
    if (text === "") return;
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length <= longestMessage) return;
    [this.#pieces, this.#length] = [[], 0];
    throw new InfraError(`QEMU's monitor sent more than ${longestMessage / 2 ** 20} MiB without an end`, {
      next: "This QEMU is broken, or its guest has taken it over: end the run.",
    });
  }
}
