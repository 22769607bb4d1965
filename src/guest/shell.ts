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
  const words = ["exec", "env", ...(place.cwd === undefined ? [] : ["-C", place.cwd]), ...env, ...argv];
  return words.map((word) => quote(word)).join(" ");
}

/** A word in single quotes: any POSIX shell takes everything in them as it is, but for the quote itself. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
