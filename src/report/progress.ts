import { createLogUpdate } from "log-update";
import prettyMilliseconds from "pretty-ms";
import type { Progress } from "../base/progress.ts";
import { sanitize } from "../base/text.ts";

interface Running {
  readonly title: string;
  readonly since: number;
  detail: string | undefined;
  share: number | undefined;
  /** When a plain log last had a line about it. */
  told: number;
}

/** A front end for progress on a stream of text. Dispose it to take the moving lines off the screen. */
export interface ProgressView extends Disposable {
  readonly progress: Progress;
}

/** A plain log repeats itself this often, so that nobody thinks it hangs. */
const heartbeat = 15_000;

/**
 * Show progress: moving lines on a terminal, plain lines elsewhere. Each line says what is being done and for
 * how long; what has a known total shows its share.
 *
 * log-update: redraws lines in place, no more than that; pretty-ms: durations for people.
 */
export function viewProgress(stream: NodeJS.WriteStream, options: { quiet?: boolean } = {}): ProgressView {
  if (options.quiet === true) return { progress: () => {}, [Symbol.dispose]: () => {} };
  const running = new Map<string, Running>();
  const screen = stream.isTTY ? createLogUpdate(stream, { showCursor: true }) : undefined;
  const say = (line: string): void => {
    screen?.clear();
    stream.write(`${line}\n`);
    draw();
  };
  const draw = (): void => {
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
    progress: (event) => {
      switch (event.type) {
        case "start":
          running.set(event.id, {
            title: event.title,
            since: Date.now(),
            detail: undefined,
            share: undefined,
            told: Date.now(),
          });
          if (!screen) stream.write(`${event.title} ...\n`);
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
          if (step) say(`${event.failed ? "failed" : "done"}: ${step.title} (${elapsed(step)})`);
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
  return `${step.title}${share}, ${elapsed(step)}${detail}`;
}

function elapsed(step: Running): string {
  return prettyMilliseconds(Date.now() - step.since, { secondsDecimalDigits: 0 });
}
