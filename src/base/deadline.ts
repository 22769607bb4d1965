import { type Duration, toMilliseconds } from "./duration.ts";
import { DeadlineError } from "./errors.ts";
import { hostPace, type Pace } from "./pace.ts";
import { countStandstill } from "./standstill.ts";

/**
 * How long something about a healthy guest or host may take: time that the host really gave. On a busy host it is
 * stretched by what others took away meanwhile, at the most to {@link mostStretch} times its length.
 */
export interface Allowance {
  readonly milliseconds: number;
  /** Whether a slower processor has more time as well: not where the length is the user's own word. */
  readonly scales: boolean;
}

/** How long to wait: a duration as it stands, or an allowance. */
export type Within = Duration | Allowance;

/** No allowance becomes longer than this many times its length: what hangs must be told some day. */
export const mostStretch = 10;

/**
 * A user's own duration, counted in time that the host gave, for verdicts on a guest: five seconds of a machine that
 * runs.
 *
 * @example await vm.guest.exec("sync", { within: served("5s") });
 */
export function served(within: Within): Allowance {
  return isAllowance(within) ? within : { milliseconds: toMilliseconds(within), scales: false };
}

/** The length of an allowance or a duration in milliseconds, before anything stretches it. */
export function lengthOf(within: Within): number {
  return isAllowance(within) ? within.milliseconds : toMilliseconds(within);
}

function isAllowance(within: Within): within is Allowance {
  return typeof within === "object";
}

/** A deadline that runs, but for the time in which this process stands still: nothing can be in time then. */
export class Deadline {
  readonly #start = performance.now();
  readonly #length: number;
  readonly #most: number;
  readonly #pace: Pace | undefined;
  readonly #lost: () => number;
  readonly #stood = countStandstill();

  constructor(within: Within, pace: Pace = hostPace) {
    const stretches = isAllowance(within);
    this.#pace = stretches ? pace : undefined;
    this.#length = lengthOf(within) * (stretches && within.scales ? pace.factor : 1);
    this.#most = this.#length * (stretches ? mostStretch : 1);
    this.#lost = stretches ? pace.count() : this.#stood;
  }

  /** Milliseconds since it began. */
  get elapsed(): number {
    return performance.now() - this.#start;
  }

  /** What the host gave of them. */
  get served(): number {
    const { elapsed } = this;
    return elapsed - Math.min(this.#lost(), elapsed);
  }

  /** Milliseconds until it may be reached: when they have passed, ask again. 0: it is reached. */
  get left(): number {
    const { elapsed } = this;
    if (elapsed < this.#length) return this.#length - elapsed;
    const left = Math.min(this.#length - this.served, this.#most - (elapsed - this.#stood()));
    // Half of what is left is lost again on a busy host, and so on: a moment is nothing.
    return left < 10 ? 0 : left;
  }

  /** Tell that it goes on although its length has passed. */
  stretch(what: string): void {
    const { elapsed, served } = this;
    // A few hundredths are what any host takes.
    if (elapsed >= this.#length && served < elapsed * 0.9) this.#pace?.onStretch?.({ what, elapsed, served });
  }

  /** The error for when it is reached. */
  error(what: string): DeadlineError {
    if (!this.#pace) return new DeadlineError(what, this.#length);
    const { elapsed, served } = this;
    return new DeadlineError(what, elapsed, served < elapsed * 0.9 ? { served } : {});
  }
}
