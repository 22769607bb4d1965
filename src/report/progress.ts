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

/** A front end for progress on a stream of text. Dispose it to take the moving lines off the screen. */
export interface ProgressView extends Disposable {
  readonly progress: Progress;
  /**
   * Write something else to the same terminal: the moving lines are taken away first, and come back below it. What
   * is written past the view is overwritten by it.
   */
  around(write: () => void): void;
}

export interface ProgressViewOptions {
  /** Show nothing. */
  readonly quiet?: boolean | undefined;
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
  if (options.quiet === true)
    return { progress: () => {}, around: (write) => write(), [Symbol.dispose]: () => {} };
  const running = new Map<string, Running>();
  const screen = stream.isTTY ? createLogUpdate(stream, { showCursor: true }) : undefined;
  const around = (write: () => void): void => {
    screen?.clear();
    write();
    draw();
  };
  const say = (line: string): void => around(() => stream.write(`${line}\n`));
  const draw = (): void => {
    // An empty frame would be a line of its own, to be erased later together with what was written before it.
    if (running.size === 0) return;
    const columns = stream.columns ?? 80;
    screen?.([...running.values()].map((step) => describe(step).slice(0, columns - 1)).join("\n"));
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
    progress: (event) => {
      switch (event.type) {
        case "start":
          running.set(event.id, {
            title: event.title,
            expected: event.expected,
            since: Date.now(),
            detail: undefined,
            share: undefined,
            told: Date.now(),
          });
          if (!screen)
            stream.write(
              `${event.title}${event.expected ? `: ${expectationText(event.expected)}` : " ..."}\n`,
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

function describe(step: Running): string {
  const share = step.share === undefined ? "" : ` ${Math.floor(step.share * 100)} %`;
  const detail = step.detail === undefined ? "" : `: ${step.detail}`;
  const of = step.expected ? ` of ${expectationText(step.expected)}` : "";
  return `${step.title}${share}, ${elapsed(step)}${of}${detail}`;
}

function elapsed(step: Running): string {
  return prettyMilliseconds(Date.now() - step.since, { secondsDecimalDigits: 0 });
}
