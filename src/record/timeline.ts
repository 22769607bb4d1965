import { z } from "zod";

/** Milliseconds since the machine was started, by the host's clock. */
const t = z.number();

/**
 * One line of `timeline.jsonl`. Console lines are told by number, so that a click leads to the log; threads are
 * told when something of theirs changed.
 */
export const timelineEventSchema = z.discriminatedUnion("type", [
  z.object({ t, type: z.literal("start"), version: z.literal(1), at: z.iso.datetime() }),
  z.object({ t, type: z.literal("phase"), text: z.string() }),
  /** Lines of the console that were there then. */
  z.object({ t, type: z.literal("console"), lines: z.int() }),
  z.object({ t, type: z.literal("job"), pid: z.int(), command: z.string() }),
  z.object({
    t,
    type: z.literal("job-end"),
    pid: z.int(),
    exit: z.union([z.number(), z.string(), z.null()]),
  }),
  z.object({
    t,
    type: z.literal("output"),
    pid: z.int(),
    stream: z.enum(["stdout", "stderr"]),
    bytes: z.int(),
    /** Its beginning; nothing once a trial has printed much. */
    text: z.string().optional(),
  }),
  z.object({
    t,
    type: z.literal("command"),
    id: z.int(),
    way: z.enum(["fast", "ssh"]),
    command: z.string(),
  }),
  z.object({
    t,
    type: z.literal("command-end"),
    id: z.int(),
    exit: z.union([z.number(), z.string(), z.null()]),
  }),
  /** A kernel stack that later looks name by its number, innermost function first. */
  z.object({ t, type: z.literal("stack"), id: z.int(), frames: z.string() }),
  z.object({
    t,
    type: z.literal("look"),
    /** The job. */
    pid: z.int(),
    /** The guest's uptime in milliseconds. */
    guest: z.number(),
    /** Threads that changed since the last look. `cpu`: milliseconds on a processor so far. */
    threads: z.array(
      z.object({
        pid: z.int(),
        tid: z.int(),
        comm: z.string(),
        state: z.string(),
        wchan: z.string(),
        cpu: z.number(),
        stack: z.int().optional(),
      }),
    ),
    /** Threads that are gone. */
    gone: z.array(z.int()),
  }),
  z.object({ t, type: z.literal("stall"), pid: z.int(), quietFor: z.number() }),
  z.object({ t, type: z.literal("signal"), pid: z.int(), signal: z.string() }),
  z.object({ t, type: z.literal("signal-verdict"), pid: z.int(), state: z.string() }),
  z.object({ t, type: z.literal("power-off") }),
  z.object({ t, type: z.literal("power-off-verdict"), state: z.string() }),
  z.object({ t, type: z.literal("qmp"), name: z.string(), data: z.record(z.string(), z.unknown()) }),
  /** Processors that QEMU used since the last one, and shares of all the host's. */
  z.object({ t, type: z.literal("cpu"), qemu: z.number(), busy: z.number(), steal: z.number() }),
  /** More happened than is recorded. */
  z.object({ t, type: z.literal("cut") }),
  z.object({ t, type: z.literal("end") }),
]);
export type TimelineEvent = z.infer<typeof timelineEventSchema>;

/**
 * Read a timeline, whole or cut short: lines that are none are passed over.
 *
 * @example parseTimeline('{"t":0,"type":"phase","text":"booting"}\n{"t":1').length // 1
 */
export function parseTimeline(text: string): TimelineEvent[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      const parsed = timelineEventSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}
