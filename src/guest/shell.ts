/** A command: an argument vector, passed as it is, or a line for the guest's own shell. */
export type Command = string | readonly string[];

export interface CommandPlace {
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * The text for the guest's shell that becomes this command: every piece of data is quoted, and the shell is
 * replaced (`exec`), so that the process keeps the shell's pid.
 *
 * @example shellText(["npm", "ci"], { cwd: "/srv/work", env: { CI: "1" } })
 */
export function shellText(command: Command, place: CommandPlace = {}): string {
  // Nothing to add: what the guest's shell is given is what the user wrote.
  if (typeof command === "string" && place.cwd === undefined && place.env === undefined) return command;
  const argv = typeof command === "string" ? ["sh", "-c", command] : command;
  const env = Object.entries(place.env ?? {}).map(([name, value]) => `${name}=${value}`);
  // A program that only sets the scene is one more for the guest to load and link.
  const scene = [...(place.cwd === undefined ? [] : ["-C", place.cwd]), ...env];
  return ["exec", ...(scene.length === 0 ? [] : ["env", ...scene]), ...argv].map(quote).join(" ");
}

/** Words that begin something in a shell's grammar, bash's too. */
const reserved = new Set(
  "if then else elif fi do done case esac while until for in select function time coproc".split(" "),
);

/**
 * Whether a line is nothing but a program's name and plain arguments: any shell reads it without surprise, alone
 * or inside of something else.
 *
 * @example isPlainLine("uname -r") // true
 */
export function isPlainLine(line: string): boolean {
  if (!/^[\w./:@%+,-]+(?: [\w./:@%+,=-]+)*$/.test(line)) return false;
  return !reserved.has(line.split(" ", 1)[0] ?? "");
}

/** A word in single quotes: any POSIX shell takes everything in them as it is, but for the quote itself. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
