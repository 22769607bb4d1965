import { z } from "zod";
import { toJson } from "../../repro/evidence.ts";
import * as bench from "./bench.ts";
import { mapDocument } from "./map.ts";
import { problem } from "./parts.ts";
import * as stock from "./stock.ts";
import * as trials from "./trials.ts";
import { why } from "./why.ts";

/** What a command prints instead of its document when it fails. */
export const errorBody = z.object({
  exitCode: z.int(),
  error: z.object({
    type: z.string().describe("UsageError, InfraError, DeadlineError, InterruptedError, ..."),
    message: z.string(),
    next: z.string().optional().describe("What to do, in a sentence."),
    evidence: z.string().optional().describe("A file or folder that shows what happened."),
    problem: problem.optional().describe("A mistake in a repro's own code."),
  }),
});

/**
 * Every document that the command line prints with `--json`, by its command. A version counts up when a field is
 * taken away, renamed, or means something else; a field may be added at any time.
 */
export const documents = {
  run: { version: 1, body: trials.run },
  check: { version: 1, body: trials.check },
  matrix: { version: 1, body: trials.matrix },
  merge: { version: 1, body: trials.merge },
  map: { version: 1, body: mapDocument },
  exec: { version: 1, body: trials.exec },
  bisect: { version: 1, body: trials.bisect },
  "bisect replay": { version: 1, body: trials.bisect },
  "bisect visualize": { version: 1, body: trials.bisect },
  show: { version: 1, body: trials.show },
  attach: { version: 1, body: trials.attach },
  why: { version: 1, body: why },
  hunt: { version: 1, body: trials.hunt },
  replay: { version: 1, body: trials.replay },
  pack: { version: 1, body: trials.pack },
  rerun: { version: 1, body: trials.rerun },
  repros: { version: 1, body: stock.repros },
  new: { version: 1, body: stock.created },
  shell: { version: 1, body: trials.shell },
  "kernels list": { version: 1, body: stock.kernelsList },
  "kernels pin": { version: 1, body: stock.kernelsPin },
  "kernels get": { version: 1, body: stock.kernel },
  "kernels build": { version: 1, body: stock.kernel },
  "images list": { version: 1, body: stock.imagesList },
  "images build": { version: 1, body: stock.image },
  "cache list": { version: 1, body: stock.cacheList },
  "cache prune": { version: 1, body: stock.cachePrune },
  "cache verify": { version: 1, body: stock.cacheVerify },
  dmesg: { version: 1, body: stock.dmesg },
  tls: { version: 1, body: stock.tls },
  doctor: { version: 1, body: stock.doctor },
  "doctor --kvm-report": { version: 1, body: stock.kvmReport },
  setup: { version: 1, body: stock.setup },
  "bench all": { version: 1, body: bench.benchAll },
  "bench boot": { version: 1, body: bench.benchBoot },
  "bench restore": { version: 1, body: bench.benchRestore },
  "bench trial": { version: 1, body: bench.benchTrial },
  "bench bisect": { version: 1, body: bench.benchBisect },
  "bench queue": { version: 1, body: bench.benchQueue },
} as const satisfies Readonly<Record<string, { version: number; body: z.ZodObject }>>;

/** A command that prints a document, with the words that follow `dstate`. */
export type DocumentName = keyof typeof documents;

/** What a document holds beside its version and its command. */
export type DocumentBody<Name extends DocumentName> = DeepReadonly<z.input<(typeof documents)[Name]["body"]>>;

/** {@link errorBody} as it is written. */
export type ErrorBody = DeepReadonly<z.input<typeof errorBody>>;

type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value;

/**
 * A document as text.
 *
 * @example documentText("kernels pin", { added: true, pin })
 */
export function documentText<Name extends DocumentName>(name: Name, body: DocumentBody<Name>): string {
  return toJson({ schemaVersion: documents[name].version, command: name, ...body });
}

/** The document about an error. @param command the words of the command line that failed. */
export function errorText(command: string, body: ErrorBody): string {
  return toJson({ schemaVersion: 1, command, ...body });
}
