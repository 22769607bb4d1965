import { createLogUpdate } from "log-update";
import prettyMilliseconds from "pretty-ms";
import { type Expectation, expectationText, type Progress } from "../base/progress.ts";
import { oneLine, sanitize } from "../base/text.ts";

interface Running {
  readonly title: string;
  readonly expected: Expectation | undefined;
  readonly since: number;
  detail: string | undefined;
  share: number | undefined;
  /** When a plain log last had a line about it. */
  told: number;
}

/** Room on a terminal. */
export interface Room {
  readonly width: number;
  readonly height: number;
}

/** A front end for progress on a stream of text. Dispose it to take the moving lines off the screen. */
export interface ProgressView extends Disposable {
  readonly progress: Progress;
  /**
   * Write something else to the same terminal: the moving lines are taken away first, and come back below it. What
   * is written past the view is overwritten by it.
   */
  around(write: () => void): void;
  /** Keep a text above the moving lines, such as a table that fills; elsewhere than on a terminal nothing is shown. */
  board(render: (room: Room) => string): void;
}

export interface ProgressViewOptions {
  /** Show nothing but what was asked for in so many words. */
  readonly quiet?: boolean | undefined;
  /** Plain lines, also on a terminal: one that cannot move its cursor. */
  readonly plain?: boolean | undefined;
  /** Aborted when the user wants an end: what fails from then on is stopped, not broken. */
  readonly signal?: AbortSignal | undefined;
}

/** A plain log repeats itself this often, so that nobody thinks it hangs. */
const heartbeat = 15_000;

/**
 * Show progress: moving lines on a terminal, plain lines elsewhere. Each line says what is being done and for
 * how long; what has a known total shows its share.
 *
 * log-update: redraws lines in place, no more than that; pretty-ms: durations for people.
 */
export function viewProgress(stream: NodeJS.WriteStream, options: ProgressViewOptions = {}): ProgressView {
  if (options.quiet === true) return quietView(stream);
  const running = new Map<string, Running>();
  const moving = stream.isTTY && options.plain !== true;
  const screen = moving ? createLogUpdate(stream, { showCursor: true }) : undefined;
  let board: ((room: Room) => string) | undefined;
  let shown: Room & { readonly text: string } = { width: 0, height: 0, text: "" };
  const around = (write: () => void): void => {
    screen?.clear();
    write();
    draw();
  };
  const say = (line: string): void => around(() => stream.write(`${line}\n`));
  const boardLines = (room: Room): string[] => {
    if (!board || room.height < 4) return [];
    if (shown.width !== room.width || shown.height !== room.height)
      shown = { ...room, text: board({ ...room }) };
    return shown.text === "" ? [] : shown.text.split("\n");
  };
  const draw = (): void => {
    // An empty frame would be a line of its own, to be erased later together with what was written before it.
    if (!screen || running.size === 0) return;
    const columns = stream.columns ?? 80;
    const rows = stream.rows ?? 24;
    const lines = [...running.values()].map((step) => describe(step).slice(0, columns - 1));
    screen([...boardLines({ width: columns - 1, height: rows - lines.length - 1 }), ...lines].join("\n"));
  };
  const tick = (): void => {
    if (screen) {
      draw();
      return;
    }
    for (const step of running.values()) {
      if (Date.now() - step.told < heartbeat) continue;
      step.told = Date.now();
      stream.write(`  ... ${describe(step)}\n`);
    }
  };
  const timer = setInterval(tick, screen ? 200 : 1000);
  timer.unref();
  return {
    around,
    board: (render) => {
      board = render;
      shown = { width: 0, height: 0, text: "" };
      draw();
    },
    progress: (event) => {
      switch (event.type) {
        case "start":
          running.set(event.id, {
            title: oneLine(event.title, { maxLength: 300 }),
            expected: event.expected,
            since: Date.now(),
            detail: undefined,
            share: undefined,
            told: Date.now(),
          });
          if (!screen)
            stream.write(
              `${oneLine(event.title, { maxLength: 300 })}${event.expected ? `: ${expectationText(event.expected)}` : " ..."}\n`,
            );
          draw();
          return;
        case "update": {
          const step = running.get(event.id);
          if (!step) return;
          if (event.detail !== undefined) step.detail = sanitize(event.detail, { maxLength: 200 });
          if (event.share !== undefined) step.share = event.share;
          draw();
          return;
        }
        case "end": {
          const step = running.get(event.id);
          running.delete(event.id);
          const how = !event.failed ? "done" : options.signal?.aborted ? "stopped" : "failed";
          const outcome =
            event.outcome === undefined ? "" : `: ${oneLine(event.outcome, { maxLength: 300 })}`;
          if (step) say(`${how}: ${step.title}${outcome} (${elapsed(step)})`);
          return;
        }
        case "output":
          say(event.text);
          return;
        case "note":
          say(`note: ${sanitize(event.text, { maxLength: 500 })}`);
      }
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      screen?.clear();
      screen?.done();
    },
  };
}

/** What was asked for is shown, and no more. */
function quietView(stream: NodeJS.WriteStream): ProgressView {
  return {
    progress: (event) => {
      if (event.type === "output") stream.write(`${event.text}\n`);
    },
    around: (write) => write(),
    board: () => {},
    [Symbol.dispose]: () => {},
  };
}

function describe(step: Running): string {
  const share = step.share === undefined ? "" : ` ${Math.floor(step.share * 100)} %`;
  const detail = step.detail === undefined ? "" : `: ${step.detail}`;
  return `${step.title}${share}, ${elapsed(step)}${outlook(step)}${detail}`;
}

/** What was measured here is known best; then how far it came until now; a guess that was passed says nothing. */
function outlook(step: Running): string {
  const { expected } = step;
  const passed = expected !== undefined && Date.now() - step.since > expected.milliseconds;
  if (expected && expected.measured > 0 && !passed) return ` of ${expectationText(expected)}`;
  const left = leftOf(step);
  if (left !== "" || !expected) return left;
  return passed ? ", longer than expected" : ` of ${expectationText(expected)}`;
}

/** How long it takes yet, by how far it came until now: said only when that is something to go by. */
function leftOf({ share, since }: Running): string {
  const past = Date.now() - since;
  if (share === undefined || share < 0.05 || past < 2000) return "";
  const left = (past / share) * (1 - share);
  return left < 1000 ? "" : `, about ${prettyMilliseconds(left, { secondsDecimalDigits: 0 })} left`;
}

function elapsed(step: Running): string {
  return prettyMilliseconds(Date.now() - step.since, { secondsDecimalDigits: 0 });
}
