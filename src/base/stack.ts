import { fileURLToPath } from "node:url";

/** A place in a source file. */
export interface SourcePoint {
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column?: number | undefined;
}

/** One call of an error's stack. */
export interface StackFrame {
  /** As V8 prints it, without "at". */
  readonly text: string;
  /** Undefined: inside of Node, or of the language. */
  readonly point: SourcePoint | undefined;
}

/**
 * The calls of an error's stack, the innermost first.
 *
 * @see https://v8.dev/docs/stack-trace-api
 * @example stackFrames(new Error("here"))[0]?.point?.line
 */
export function stackFrames(error: Error): StackFrame[] {
  const lines = (error.stack ?? "").split("\n");
  return lines.flatMap((line) => {
    const text = /^\s+at (.+)$/.exec(line)?.[1];
    return text === undefined ? [] : [{ text, point: pointIn(text) }];
  });
}

/**
 * The place in a file that Node could not read. It stands before the stack of such an error where Node tells it at
 * all, and before what Node prints when nobody catches the error.
 *
 * @param text an error's stack, or what Node printed.
 * @example unreadablePoint("file:///home/me/a.ts:3\n...")?.line // 3
 */
export function unreadablePoint(text: string): SourcePoint | undefined {
  const [, where, line] = /^((?:file:\/\/)?\/.*?):(\d+)\n/.exec(text) ?? [];
  return where === undefined ? undefined : { file: pathOf(where), line: Number(line) };
}

/** @example pointText({ file: "/home/me/trial.ts", line: 3, column: 7 }) // "/home/me/trial.ts:3:7" */
export function pointText({ file, line, column }: SourcePoint): string {
  return [file, line, ...(column === undefined ? [] : [column])].join(":");
}

function pointIn(text: string): SourcePoint | undefined {
  const [, where, line, column] = /(?:^|\(|^async )((?:file:\/\/)?\/[^()]*):(\d+):(\d+)\)?$/.exec(text) ?? [];
  if (where === undefined) return undefined;
  return { file: pathOf(where), line: Number(line), column: Number(column) };
}

function pathOf(where: string): string {
  return where.startsWith("file:") ? fileURLToPath(where) : where;
}
