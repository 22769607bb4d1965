import { spawn } from "node:child_process";
import { quote } from "../../src/guest/shell.ts";

/** What a command left on a terminal of 80 columns. */
export interface TerminalRun {
  readonly exitCode: number | null;
  /** Every byte that the terminal was sent. */
  readonly raw: string;
  /** The lines that a person sees in the end, also those that scrolled away. */
  readonly screen: string;
}

/**
 * Run a command in a terminal of its own, standard output and standard error both on it.
 *
 * script: makes the terminal; it is part of util-linux, which Debian calls essential.
 *
 * @see https://man7.org/linux/man-pages/man1/script.1.html
 */
export async function runInTerminal(
  argv: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    /** What a person types, each as soon as the terminal shows what it answers. Default: an end of input at once. */
    readonly typed?: readonly { readonly after: string; readonly text: string }[];
    /** Milliseconds until it is ended, so that what waits for a word in vain holds nothing up. Default: 50 s. */
    readonly within?: number;
  },
): Promise<TerminalRun> {
  const line = `stty cols 80 rows 24; exec ${argv.map(quote).join(" ")}`;
  const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TERM: "xterm", ...options.env },
    timeout: options.within ?? 50_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const left = [...(options.typed ?? [])];
  let raw = "";
  let answered = 0;
  const type = (): void => {
    const [next] = left;
    if (!next) return;
    const at = raw.indexOf(next.after, answered);
    if (at < 0) return;
    answered = at + next.after.length;
    left.shift();
    child.stdin.write(next.text);
    type();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    raw += text;
    type();
  });
  if (left.length === 0) child.stdin.end();
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, raw, screen: screenOf(raw) };
}

/**
 * What stands on a terminal after some text: carriage return, line feed, moves up and down, erased lines. No text
 * is wider than the terminal in these tests.
 *
 * @see https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
export function screenOf(text: string): string {
  const lines: string[] = [""];
  let [row, column] = [0, 0];
  for (const [token, , count, command] of text.matchAll(/(\x1b\[\??([\d;]*)([A-Za-z]))|[^\x1b]/g)) {
    const times = Number(count || 1);
    const line = lines[row] ?? "";
    if (command === "A") row = Math.max(0, row - times);
    else if (command === "B") row += times;
    else if (command === "G") column = 0;
    else if (command === "K") lines[row] = count === "2" ? "" : line.slice(0, column);
    else if (token === "\r") column = 0;
    else if (token === "\n") row += 1;
    else if (command === undefined) {
      lines[row] = line.slice(0, column).padEnd(column) + token + line.slice(column + 1);
      column += 1;
    }
    while (lines.length <= row) lines.push("");
  }
  return lines.join("\n");
}
