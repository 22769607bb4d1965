import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandError, command } from "../base/command.ts";
import { DstateError, messageOf, UsageError } from "../base/errors.ts";
import { pointText, type SourcePoint, stackFrames, unreadablePoint } from "../base/stack.ts";
import { oneLine } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import type { Repro } from "./define.ts";

/**
 * Load the file that defines a repro.
 *
 * @throws {UsageError} when it cannot be, with the file and line that are to blame: often not the file itself, but
 * one that it imports.
 * @example await loadRepro("/home/me/repros/my-report/repro.ts")
 */
export async function loadRepro(file: string): Promise<Repro> {
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw await describeFailure(file, error);
  }
  const repro = module.default;
  if (!isRepro(repro))
    throw new UsageError(`${file} should have \`export default defineRepro({ ... })\`, and has not`);
  return repro;
}

function isRepro(value: unknown): value is Repro {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    "run" in value &&
    typeof value.run === "function"
  );
}

async function describeFailure(file: string, error: unknown): Promise<UsageError> {
  const message = messageOf(error);
  if (error instanceof DstateError)
    return new UsageError(`${file}: ${message}`, {
      cause: error,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  if (error instanceof SyntaxError) {
    if (/import statement outside a module/.test(message)) return notAModule(file, error);
    const point = unreadablePoint(error.stack ?? "") ?? (await findUnreadable(file));
    if (point) {
      const line = await lineAt(point);
      return new UsageError(`${pointText(point)}: ${message}`, {
        cause: error,
        ...(line === "" ? {} : { next: `The line is: ${line}` }),
      });
    }
  }
  const point = error instanceof Error ? stackFrames(error).find((frame) => frame.point)?.point : undefined;
  const name = error instanceof Error && error.name !== "Error" ? `${error.name}: ` : "";
  return new UsageError(
    `${file} cannot be loaded: ${name}${message}${point ? ` (at ${pointText(point)})` : ""}`,
    { cause: error },
  );
}

function notAModule(file: string, cause: SyntaxError): UsageError {
  return new UsageError(`${file} uses import, but its project's files are CommonJS: ${cause.message}`, {
    next: 'Put a package.json with {"type": "module"} into its folder, or end the names of its files in .mts or .mjs.',
    cause,
  });
}

/**
 * V8 tells nobody where a JavaScript file cannot be read, but prints it when nobody catches the error. What cannot
 * be read is not run either, so that another Node may try.
 */
async function findUnreadable(file: string): Promise<SourcePoint | undefined> {
  const library = new URL(`./own-library${extname(import.meta.filename)}`, import.meta.url).href;
  const script = "(await import(process.argv[1])).serveOwnLibrary(); await import(process.argv[2])";
  const argv = [
    ...[process.execPath, "--input-type=module", "--eval", script],
    ...[library, pathToFileURL(file).href],
  ];
  try {
    await command(argv, { within: timeouts.host.ask });
  } catch (error) {
    if (error instanceof CommandError) return unreadablePoint(error.stderr);
  }
  return undefined;
}

async function lineAt({ file, line }: SourcePoint): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return oneLine(text.split("\n")[line - 1] ?? "", { maxLength: 200 });
}
