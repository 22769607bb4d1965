import prettyMilliseconds from "pretty-ms";

/**
 * What long work tells whoever watches. Every front end draws the same stream in its own way.
 * `id` ties the events of one step together.
 */
export type ProgressEvent =
  | {
      readonly type: "start";
      readonly id: string;
      readonly title: string;
      readonly expected?: Expectation | undefined;
    }
  /** `share` is between 0 and 1 and only there where it is known, not guessed. */
  | { readonly type: "update"; readonly id: string; readonly detail?: string; readonly share?: number }
  /** What was printed elsewhere, such as in a guest that is asked to show it: whole lines, already harmless. */
  | { readonly type: "output"; readonly text: string }
  /** `outcome`: what came of it, where there is more to say than that it is done. */
  | { readonly type: "end"; readonly id: string; readonly outcome?: string; readonly failed?: boolean }
  /** A line worth keeping in the log, such as a fallback that was taken. */
  | { readonly type: "note"; readonly text: string };

/** How long a step will take. */
export interface Expectation {
  readonly milliseconds: number;
  /** How many earlier times it is the median of; 0: it is a guess. */
  readonly measured: number;
}

export type Progress = (event: ProgressEvent) => void;

/** Nobody watches. */
export const silent: Progress = () => {};

/** A running step's own voice. */
export interface Step {
  update(change: { detail?: string; share?: number }): void;
  note(text: string): void;
  /** Say what came of the step; told at its end. @example step.conclude("reproduced") */
  conclude(outcome: string): void;
}

/**
 * An expectation in words.
 *
 * pretty-ms: durations for people; typed, one dependency.
 *
 * @example expectationText({ milliseconds: 290_000, measured: 3 }) // "about 4m 50s, as measured here"
 */
export function expectationText({ milliseconds, measured }: Expectation): string {
  const rounded = milliseconds < 60_000 ? 1000 : 10_000;
  const time = prettyMilliseconds(Math.max(1, Math.round(milliseconds / rounded)) * rounded);
  return `about ${time}, ${measured > 0 ? "as measured here" : "at a guess"}`;
}

let lastStep = 0;

/**
 * Report one step: its start, what it says meanwhile, its end or failure.
 *
 * @example await step(progress, "build Linux 6.1.115", async (step) => { step.update({ share: 0.4 }); });
 */
export async function step<T>(
  progress: Progress,
  title: string,
  work: (step: Step) => Promise<T>,
  options: { readonly expected?: Expectation | undefined } = {},
): Promise<T> {
  lastStep += 1;
  const id = `${lastStep}`;
  let outcome: string | undefined;
  const end = (): { type: "end"; id: string; outcome?: string } => ({
    type: "end",
    id,
    ...(outcome === undefined ? {} : { outcome }),
  });
  progress({ type: "start", id, title, ...options });
  try {
    const result = await work({
      update: (change) => progress({ type: "update", id, ...change }),
      note: (text) => progress({ type: "note", text }),
      conclude: (text) => {
        outcome = text;
      },
    });
    progress(end());
    return result;
  } catch (error) {
    progress({ ...end(), failed: true });
    throw error;
  }
}
