import { sep } from "node:path";
import { fileURLToPath } from "node:url";
import { DstateError, messageOf } from "../base/errors.ts";
import { ownHome } from "../base/home.ts";
import { hostTroubleOf } from "../base/host-trouble.ts";
import { type SourcePoint, stackFrames } from "../base/stack.ts";
import { oneLine, sanitize } from "../base/text.ts";
import { CommandFailed } from "../guest/exec.ts";

/** An error that ended a trial, as it is saved and shown. */
export interface Problem {
  /** The error's name, such as `TypeError` or `DeadlineError`. */
  readonly type: string;
  readonly message: string;
  /** Where in the repro's own code it came from, as far as the stack tells. */
  readonly place?: SourcePoint | undefined;
  /** The calls of its stack, the innermost first, up to the repro's own that began them. */
  readonly stack: readonly string[];
}

/** Where dstate is, and its own code in it: `src`, or `dist/src` in the package. Repros lie beside that. */
const here = { home: `${ownHome()}${sep}`, code: fileURLToPath(new URL("..", import.meta.url)) };

/** Most of a stack that is kept; Node itself keeps ten calls. */
const mostFrames = 30;

/** Whose mistake an error is. */
export type Blame = "author" | "ours";

/**
 * Whose mistake an error is that came out of a repro's own function. A full disk, the network, and what dstate
 * throws on purpose are not the author's; neither is what was thrown inside dstate's own code, for a failure of
 * ours is never reported as the user's.
 *
 * @example blameFor(new TypeError("thrown in trial.ts")) // "author"
 */
export function blameFor(error: unknown, own: typeof here = here): Blame {
  // dstate throws errors only.
  if (!(error instanceof Error)) return "author";
  if (ownErrorOf(error) || isHostTrouble(error) || isFailedProgram(error)) return "ours";
  const [innermost] = codePoints(error, own);
  return innermost === undefined || innermost.file.startsWith(own.code) ? "ours" : "author";
}

/**
 * Whether an error says that a program failed: what dstate, zx and their like throw for another exit code than 0.
 *
 * @example isFailedProgram(await vm.$`false`.catch((error) => error)) // true
 */
export function isFailedProgram(error: unknown): boolean {
  return causesOf(error).some(
    (each) => each instanceof CommandFailed || ("exitCode" in each && "stdout" in each && "stderr" in each),
  );
}

/** The error of ours that an error is, or was made from by whoever caught it. */
export function ownErrorOf(error: unknown): DstateError | undefined {
  return causesOf(error).find((each) => each instanceof DstateError);
}

/**
 * An error as plain data.
 *
 * @example describeProblem(new TypeError("x is undefined")).place?.line
 */
export function describeProblem(error: unknown, own: typeof here = here): Problem {
  const message = sanitize(messageOf(error), { maxLength: 2000 });
  if (!(error instanceof Error)) return { type: typeof error, message, stack: [] };
  const authors = codePoints(error, own).filter(({ file }) => !file.startsWith(own.code));
  const place = authors[0];
  const frames = stackFrames(error).slice(0, mostFrames);
  // What of dstate called the repro's function is of no interest to its author.
  const last = frames.findLastIndex(({ point }) => point && authors.some(({ file }) => file === point.file));
  const stack = (last === -1 ? frames : frames.slice(0, last + 1)).map(({ text }) =>
    oneLine(text.replace("file://", ""), { maxLength: 400 }),
  );
  return { type: error.name, message, ...(place === undefined ? {} : { place }), stack };
}

/** Calls in code of the author's or of ours: neither Node's nor a package's. */
function codePoints(error: Error, { home }: typeof here): SourcePoint[] {
  return stackFrames(error).flatMap(({ point }) => {
    if (point === undefined) return [];
    // dstate may be a package itself.
    const path = point.file.startsWith(home) ? point.file.slice(home.length - 1) : point.file;
    return path.includes(`${sep}node_modules${sep}`) ? [] : [point];
  });
}

/** Codes of a network that does not answer. @see https://nodejs.org/api/errors.html#common-system-errors */
const networkCodes =
  /^(?:EAI_AGAIN|ECONN(?:ABORTED|REFUSED|RESET)|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EPIPE|ETIMEDOUT|UND_ERR_\w+)$/;

function isHostTrouble(error: Error): boolean {
  const trouble = hostTroubleOf(error);
  // Only its words tell of a missing program, and an author may use them too.
  if (trouble !== undefined && trouble.kind !== "missing-program") return true;
  return causesOf(error).some(
    (each) => "code" in each && typeof each.code === "string" && networkCodes.test(each.code),
  );
}

/** An error and what it was made from. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let each = error; each instanceof Error && !causes.includes(each); each = each.cause)
    causes.push(each);
  return causes;
}
