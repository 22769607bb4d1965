import { lengthOf, type Within } from "../base/deadline.ts";
import { DeadlineError, InfraError, messageOf } from "../base/errors.ts";
import { wait, withDeadline } from "../base/wait.ts";
import type { Console } from "./console.ts";
import type { Machine } from "./machine.ts";

/** What the kernel said to one sysrq key. */
export interface SysrqAnswer {
  readonly key: string;
  readonly text: string;
}

export interface SysrqAnswers {
  readonly answers: readonly SysrqAnswer[];
  /** Why a key was not answered, and those after it not asked. */
  readonly failure?: string;
}

export interface SysrqOptions {
  /** For the first key: whether the kernel answers at all. */
  readonly first: Within;
  /** For each other key; the kernel may still be printing what the key before asked for. */
  readonly within: Within;
  readonly signal: AbortSignal;
  /** How to press a key. Default: a break and the key on the serial line. */
  readonly press?: (key: string, signal: AbortSignal) => Promise<void>;
}

/** Every key is answered with one such line; a key that does not exist, with a list of those that do. */
const headline = /sysrq ?: /i;
/** The headlines of keys that may be pressed twice: an answer to the key before must not be taken for theirs. */
const headlines: Readonly<Record<string, RegExp>> = {
  w: /Show Blocked State/i,
  t: /Show State/i,
  l: /Show backtrace of all active CPUs/i,
  m: /Show Memory/i,
};

/**
 * A break that comes while the serial driver polls its line status to print is lost (seen with Linux 6.1). So a key
 * waits for a pause in what is printed, and is pressed again when nothing follows.
 */
const pauseBeforeKey = 100;
const pressAgainAfter = 1_000;

/**
 * Ask a machine's kernel with sysrq keys, one after the other. An answer ends where the next key's begins, for the
 * kernel handles them one at a time. The first key that is not answered ends it.
 *
 * @throws the signal's reason when it aborts; nothing else.
 * @see https://www.kernel.org/doc/html/latest/admin-guide/sysrq.html
 * @example await askSysrq(machine, ["w", "l"], { first: "4s", within: "12s", signal })
 */
export async function askSysrq(
  machine: Pick<Machine, "console" | "exited" | "pace">,
  keys: readonly string[],
  options: SysrqOptions,
): Promise<SysrqAnswers> {
  const { console } = machine;
  const answers: SysrqAnswer[] = [];
  let open: { key: string; mark: number } | undefined;
  // "h" prints a list of the keys: one line, which ends the last answer.
  for (const [index, key] of [...keys, "h"].entries()) {
    if (index > 0) await silence(console, options);
    const mark = console.mark;
    const failure = await ask(key, mark, index === 0 ? options.first : options.within);
    // Without the next headline, what there is of an answer is still kept.
    if (open) answers.push({ key: open.key, text: answerIn(console.since(open.mark), open.key) });
    if (failure !== undefined) return { answers, failure };
    open = { key, mark };
  }
  return { answers };

  async function ask(key: string, from: number, within: Within): Promise<string | undefined> {
    const what = `the kernel's answer to sysrq ${key}`;
    const limits = { within, pace: machine.pace, signal: options.signal };
    try {
      const answered = console.waitForLine(what, (line) => isHeadline(key, line), { ...limits, from });
      const ended = machine.exited.then((): never => {
        throw new InfraError(`the machine ended before it answered sysrq ${key}`);
      });
      const either = Promise.race([answered, ended]);
      either.catch(() => {});
      await withDeadline(what, limits, async (signal) => {
        for (;;) {
          if (options.press) await options.press(key, signal);
          else await console.sysrq(key, { within, signal });
          try {
            return await wait(what, either, { within: pressAgainAfter, signal });
          } catch (error) {
            signal.throwIfAborted();
            if (!(error instanceof DeadlineError)) throw error;
          }
        }
      });
      return undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      return messageOf(error);
    }
  }
}

function isHeadline(key: string, line: string): boolean {
  return headline.test(line) && (headlines[key] ?? headline).test(line);
}

/** Wait until the console says nothing for a moment, or goes on saying something for longer than a key may wait. */
async function silence(console: Console, options: SysrqOptions): Promise<void> {
  const silent = Promise.withResolvers<void>();
  let timer = setTimeout(silent.resolve, pauseBeforeKey);
  using _listener = console.onLine(() => {
    clearTimeout(timer);
    timer = setTimeout(silent.resolve, pauseBeforeKey);
  });
  try {
    const within = Math.min(5_000, lengthOf(options.within));
    await wait("a pause on the console", silent.promise, { within, signal: options.signal });
  } catch {
    options.signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
  }
}

/** From the key's headline up to the next one. What stands before it is the end of the answer before. */
function answerIn(text: string, key: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => isHeadline(key, line));
  if (start < 0) return "";
  const end = lines.findIndex((line, index) => index > start && headline.test(line));
  return lines
    .slice(start, end < 0 ? undefined : end)
    .join("\n")
    .trimEnd();
}
