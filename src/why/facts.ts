import { z } from "zod";
import { oneLine } from "../base/text.ts";

/** Text out of a guest's memory: short, on one line, and nothing that a terminal obeys. */
const text = (most: number): z.ZodType<string, string> =>
  z
    .string()
    .max(most)
    .transform((value) => oneLine(value, { maxLength: most }));
const address = z.string().regex(/^0x[0-9a-f]{1,16}$/);
const name = text(200);

const placeSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("member"), name, of: name, at: address }),
  z.object({ type: z.literal("variable"), name }),
  z.object({ type: z.literal("stack"), task: address }),
  z.object({ type: z.literal("slab"), name }),
  z.object({ type: z.literal("unknown") }),
]);

const ownerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("task"), task: address }),
  z.object({ type: z.literal("nobody") }),
  z.object({
    type: z.literal("gone"),
    address,
    /** What its memory still says, which may be another's by now. */
    was: z.object({ pid: z.int(), comm: text(64) }).optional(),
    /** The task that has its memory today; it began after those that wait last ran. */
    now: z.object({ pid: z.int(), comm: text(64) }).optional(),
  }),
  z.object({
    type: z.literal("readers"),
    count: z.int(),
    /** The reader that came last. */
    last: address.optional(),
  }),
  z.object({
    type: z.literal("not kept"),
    /** Whether what is waited for has happened already. */
    signalled: z.boolean().optional(),
    /** The task that will bring it, where that is known all the same, and what it is. */
    task: address.optional(),
    why: name.optional(),
  }),
  z.object({ type: z.literal("unreadable") }),
]);

const waitSchema = z.object({
  kind: z.enum([
    "mutex",
    "rwsem",
    "semaphore",
    "rt-mutex",
    "completion",
    "page",
    "bit",
    "wait queue",
    "unknown",
  ]),
  /** The function that waits. */
  function: name,
  object: address.optional(),
  place: placeSchema.optional(),
  /** The lock's own word, as it is in memory. */
  word: address.optional(),
  count: text(40).optional(),
  owner: ownerSchema,
  /** Everybody in the object's list. */
  waiters: z.array(address).max(600),
  /** Who holds it as lockdep says; missing: the kernel was built without it. */
  lockdep: z.array(address).max(600).optional(),
});

const taskSchema = z.object({
  address,
  pid: z.int(),
  process: z.int(),
  comm: text(64),
  /** As `ps` writes it. */
  state: text(4),
  /** Whether a processor runs it. */
  running: z.boolean(),
  exiting: z.boolean(),
  frames: z
    .array(z.object({ function: name, source: text(200).optional(), inline: z.boolean().optional() }))
    .max(60),
  wait: waitSchema.optional(),
  held: z
    .array(z.object({ map: address, name }))
    .max(60)
    .optional(),
});

/** What the program in `drgn/` says of a machine's memory. */
export const waitFactsSchema = z.object({
  schemaVersion: z.literal(1),
  /** Its version. */
  drgn: text(40),
  /** Whether lockdep still looks: it stops at its first report. Missing: the kernel was built without it. */
  lockdep: z.enum(["on", "off"]).optional(),
  /** As the kernel in the memory calls itself. */
  release: name,
  /** How many tasks are in D. */
  blocked: z.int(),
  /** Those, and whoever they wait for. */
  tasks: z.array(taskSchema).max(400),
  /** There were more tasks than are told. */
  truncated: z.boolean(),
  /** What could not be read, and why. */
  unread: z.array(text(200)).max(60),
});
export type WaitFacts = z.infer<typeof waitFactsSchema>;
export type TaskFacts = z.infer<typeof taskSchema>;
export type WaitFact = z.infer<typeof waitSchema>;
export type OwnerFact = z.infer<typeof ownerSchema>;
