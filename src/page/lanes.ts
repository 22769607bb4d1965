import type { TimelineEvent } from "../record/timeline.ts";
import type { PageFinding, TrialDetail } from "../report/page/data.ts";

/** Colours by meaning; the style sheet has them. */
export type Tone =
  | "R"
  | "S"
  | "D"
  | "Z"
  | "T"
  | "I"
  | "crash"
  | "stall"
  | "check"
  | "notice"
  | "good"
  | "bad"
  | "plain"
  | "muted";

/** Where something is in a log: a line counted from 1. */
export interface LogPlace {
  readonly file: string;
  readonly line: number;
}

/** Something on the time axis: a moment, or a span when it has an end. Times are milliseconds. */
export interface Mark {
  readonly id: string;
  readonly t: number;
  readonly end?: number | undefined;
  readonly label: string;
  /** What is written on a span; default: the label. */
  readonly short?: string | undefined;
  /** More of it, as lines. */
  readonly detail?: string | undefined;
  readonly tone: Tone;
  readonly place?: LogPlace | undefined;
}

export interface Lane {
  readonly id: string;
  readonly title: string;
  /** What its title says when it is pointed at. */
  readonly hint?: string | undefined;
  readonly marks: readonly Mark[];
  /** A thread that nothing ever happened to is shown on demand only. */
  readonly minor?: boolean | undefined;
}

/** Processors over time. */
export interface CpuPoint {
  readonly t: number;
  /** Processors that QEMU used. */
  readonly qemu: number;
  /** Shares of all the host's. */
  readonly busy: number;
  readonly steal: number;
}

export interface Lanes {
  /** Milliseconds from the machine's start to the last thing that is known. */
  readonly length: number;
  readonly lanes: readonly Lane[];
  readonly cpu: readonly CpuPoint[];
  /** When the stall detector looked at threads. */
  readonly looks: readonly number[];
}

type Of<Type extends TimelineEvent["type"]> = Extract<TimelineEvent, { type: Type }>;

/** What a trial's time axis shows. Pure. */
export function lanesOf(detail: TrialDetail): Lanes {
  const { timeline } = detail;
  const of = <Type extends TimelineEvent["type"]>(type: Type): Of<Type>[] =>
    timeline.filter((event): event is Of<Type> => event.type === type);
  const findings = findingMarks(detail.findings, of("console"), of("look"));
  const last = Math.max(1000, timeline.at(-1)?.t ?? 0, ...findings.map(({ t }) => t));
  const lanes: Lane[] = [
    { id: "phases", title: "phase", hint: "what dstate was doing", marks: phaseMarks(of("phase"), last) },
    {
      id: "console",
      title: "console",
      hint: "lines on the serial line",
      marks: consoleMarks(of("console")),
    },
    { id: "findings", title: "kernel findings", hint: "what the kernel said is wrong", marks: findings },
    ...threadLanes(of("look"), of("stack"), of("job"), timeline),
    { id: "output", title: "output", hint: "of the workload", marks: outputMarks(of("output")) },
    { id: "commands", title: "commands", hint: "in the guest", marks: commandMarks(timeline, last) },
    { id: "qmp", title: "QEMU", hint: "events of its monitor", marks: qmpMarks(of("qmp")) },
    { id: "end", title: "signal, power-off", marks: endMarks(timeline, last) },
  ];
  return {
    length: last,
    lanes,
    cpu: of("cpu").map(({ t, qemu, busy, steal }) => ({ t, qemu, busy, steal })),
    looks: of("look").map(({ t }) => t),
  };
}

function phaseMarks(phases: readonly Of<"phase">[], last: number): Mark[] {
  const starts: { t: number; text: string; details: string[] }[] = [];
  for (const { t, text } of phases) {
    // "running lstat, 3 of 10 rounds" goes on with what "running lstat" began.
    const [name = text] = text.split(/, \d/);
    const before = starts.at(-1);
    if (before?.text === name) before.details.push(text);
    else starts.push({ t, text: name, details: [] });
  }
  return starts.map(({ t, text, details }, index) => ({
    id: `phase ${index}`,
    t,
    end: starts[index + 1]?.t ?? last,
    label: text,
    detail: details.at(-1),
    tone: index % 2 === 0 ? "plain" : "muted",
  }));
}

function consoleMarks(events: readonly Of<"console">[]): Mark[] {
  return events.map(({ t, lines }, index) => {
    const before = events[index - 1]?.lines ?? 0;
    const count = lines - before;
    return {
      id: `console ${index}`,
      t,
      label: count === 1 ? `line ${lines}` : `lines ${before + 1} to ${lines}`,
      tone: "plain",
      place: { file: "console.log", line: before + 1 },
    };
  });
}

/** When a line of the console came. */
function timeOfLine(events: readonly Of<"console">[], line: number): number | undefined {
  return events.find(({ lines }) => lines >= line)?.t;
}

/** The host's time of a moment by the guest's clock, by looks that know both. */
function timeOfGuest(looks: readonly Of<"look">[], seconds: number): number | undefined {
  const [first] = looks;
  if (!first) return undefined;
  const at = seconds * 1000;
  const near = looks.findLast(({ guest }) => guest <= at) ?? first;
  return Math.max(0, near.t + (at - near.guest));
}

function findingMarks(
  findings: readonly PageFinding[],
  lines: readonly Of<"console">[],
  looks: readonly Of<"look">[],
): Mark[] {
  return findings
    .flatMap((finding, index) => {
      const places = [{ firstLine: finding.firstLine, time: finding.time }, ...finding.occurrences];
      const unique = places.filter(
        (place, at) => places.findIndex(({ firstLine }) => firstLine === place.firstLine) === at,
      );
      return unique.flatMap(({ firstLine, time }, at): Mark[] => {
        const byLine = finding.file === "console.log" ? timeOfLine(lines, firstLine) : undefined;
        const t = byLine ?? (time === undefined ? undefined : timeOfGuest(looks, time));
        if (t === undefined) return [];
        return [
          {
            id: `finding ${index} ${at}`,
            t,
            label: finding.title,
            detail: finding.frames
              .filter(({ reliable }) => reliable)
              .slice(0, 8)
              .map((frame) => frame.function)
              .join(" < "),
            tone: finding.severity,
            place: { file: finding.file, line: firstLine },
          },
        ];
      });
    })
    .sort((a, b) => a.t - b.t);
}

const tones: Readonly<Record<string, Tone>> = {
  R: "R",
  S: "S",
  D: "D",
  Z: "Z",
  X: "Z",
  T: "T",
  t: "T",
  I: "I",
};

function threadLanes(
  looks: readonly Of<"look">[],
  stacks: readonly Of<"stack">[],
  jobs: readonly Of<"job">[],
  timeline: readonly TimelineEvent[],
): Lane[] {
  const frames = new Map(stacks.map(({ id, frames }) => [id, frames]));
  interface State {
    readonly t: number;
    readonly state: string;
    readonly wchan: string;
    readonly cpu: number;
    readonly stack: string;
  }
  interface Track {
    readonly tid: number;
    readonly pid: number;
    comm: string;
    states: State[];
    end: number | undefined;
  }
  const tracks = new Map<string, Track>();
  const lastLook = new Map<number, number>();
  for (const look of looks) {
    lastLook.set(look.pid, look.t);
    for (const thread of look.threads) {
      const key = `${look.pid} ${thread.tid}`;
      const track = tracks.get(key) ?? {
        tid: thread.tid,
        pid: look.pid,
        comm: thread.comm,
        states: [],
        end: undefined,
      };
      track.comm = thread.comm;
      const stack = thread.stack === undefined ? "" : (frames.get(thread.stack) ?? "");
      track.states.push({ t: look.t, state: thread.state, wchan: thread.wchan, cpu: thread.cpu, stack });
      tracks.set(key, track);
    }
    for (const tid of look.gone) {
      const track = tracks.get(`${look.pid} ${tid}`);
      if (track) track.end ??= look.t;
    }
  }
  const ended = new Map(
    timeline.flatMap((event) => (event.type === "job-end" ? [[event.pid, event.t] as const] : [])),
  );
  const lanes = [...tracks.values()].map((track) => {
    const until = track.end ?? ended.get(track.pid) ?? lastLook.get(track.pid) ?? 0;
    const marks = track.states.map((state, index): Mark => {
      const end = Math.max(state.t, track.states[index + 1]?.t ?? until);
      const place = state.wchan === "" || state.wchan === "0" ? "" : ` in ${state.wchan}`;
      return {
        id: `thread ${track.pid} ${track.tid} ${index}`,
        t: state.t,
        end,
        label: `${track.comm}:${track.tid} ${state.state}${place}`,
        short: `${state.state}${place}`,
        detail: `${state.stack === "" ? "" : `${state.stack}\n`}${(state.cpu / 1000).toFixed(1)} s on a processor so far`,
        tone: tones[state.state] ?? "muted",
      };
    });
    const cpu = track.states.at(-1)?.cpu ?? 0;
    const stuck = track.states.at(-1)?.state === "D";
    return { track, marks, weight: (stuck ? 1e12 : 0) + (track.tid === track.pid ? 1e9 : 0) + cpu };
  });
  lanes.sort((a, b) => b.weight - a.weight);
  return lanes.map(({ track, marks }, index) => ({
    id: `thread ${track.pid} ${track.tid}`,
    title: `${track.comm}:${track.tid}`,
    hint: jobs.find(({ pid }) => pid === track.pid)?.command,
    marks,
    minor: index >= 6 && !marks.some(({ tone }) => tone === "D"),
  }));
}

function outputMarks(outputs: readonly Of<"output">[]): Mark[] {
  return outputs.map(({ t, stream, bytes, text }, index) => ({
    id: `output ${index}`,
    t,
    label: (text ?? `${bytes} bytes`).trim().split("\n").at(-1)?.slice(0, 120) ?? "",
    detail: text === undefined ? undefined : text.slice(0, 4000),
    tone: stream === "stderr" ? "bad" : "plain",
  }));
}

function commandMarks(timeline: readonly TimelineEvent[], last: number): Mark[] {
  const exits = new Map<string, { t: number; exit: number | string | null }>();
  for (const event of timeline) {
    if (event.type === "command-end") exits.set(`command ${event.id}`, event);
    if (event.type === "job-end") exits.set(`job ${event.pid}`, event);
  }
  return timeline.flatMap((event): Mark[] => {
    if (event.type !== "command" && event.type !== "job") return [];
    const id = event.type === "command" ? `command ${event.id}` : `job ${event.pid}`;
    const ended = exits.get(id);
    const how = ended ? (ended.exit === null ? "without an answer" : `exit ${ended.exit}`) : "never ended";
    return [
      {
        id,
        t: event.t,
        end: ended?.t ?? last,
        label: event.command.trim().split("\n")[0] ?? "",
        detail: `${event.command.trim()}\n${how}`,
        tone: ended?.exit === 0 ? (event.type === "job" ? "good" : "muted") : "bad",
      },
    ];
  });
}

function qmpMarks(events: readonly Of<"qmp">[]): Mark[] {
  return events.map(({ t, name, data }, index) => ({
    id: `qmp ${index}`,
    t,
    label: name,
    detail: Object.keys(data).length === 0 ? undefined : JSON.stringify(data),
    tone: "plain",
  }));
}

function endMarks(timeline: readonly TimelineEvent[], last: number): Mark[] {
  return timeline.flatMap((event, index): Mark[] => {
    const mark = (label: string, tone: Tone, end?: number): Mark[] => [
      { id: `end ${index}`, t: event.t, end, label, tone },
    ];
    switch (event.type) {
      case "stall":
        return mark(`stalled: nothing for ${(event.quietFor / 1000).toFixed(1)} s`, "bad");
      case "signal":
        return mark(event.signal, "bad");
      case "signal-verdict":
        return mark(`after the signal: ${event.state}`, event.state === "reaped" ? "good" : "D");
      case "power-off": {
        const verdict = timeline.find((one) => one.type === "power-off-verdict" && one.t >= event.t);
        const state = verdict?.type === "power-off-verdict" ? verdict.state : "unknown";
        return mark(`power-off: ${state}`, state === "off" ? "good" : "bad", verdict?.t ?? last);
      }
      default:
        return [];
    }
  });
}
