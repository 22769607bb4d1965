import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("child.ts", import.meta.url));

/** A dstate that does one thing: see child.ts. */
export interface Started {
  readonly process: ChildProcess;
  /** Its lines so far. */
  readonly lines: readonly string[];
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Resolves when it has said so many lines, or a line with some text, or has ended. */
  said(what: number | string): Promise<void>;
}

/** Start one. @param before words in front of its command line, such as those of a wrapper. */
export function start(what: readonly string[], before: readonly string[] = []): Started {
  return startProgram([...before, process.execPath, "--disable-warning=ExperimentalWarning", child, ...what]);
}

/** Start any program in a process group of its own. Its lines are those of its standard output. */
export function startProgram(
  argv: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    /** Its standard error has lines, too. */
    readonly stderr?: boolean;
    /**
     * Its descriptor 3 is a pipe, which its children have as well: it has not ended before all of them have.
     */
    readonly waitForChildren?: boolean;
  } = {},
): Started {
  const { stderr = false, waitForChildren = false, ...place } = options;
  const [first = "", ...rest] = argv;
  const started = spawn(first, rest, {
    ...place,
    stdio: ["pipe", "pipe", stderr ? "pipe" : "ignore", ...(waitForChildren ? (["pipe"] as const) : [])],
    detached: true,
  });
  // Who was killed reads nothing any more.
  started.stdin?.on("error", () => {});
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [started.stdout, started.stderr, started.stdio[3] as Readable | undefined]) {
    let rest_ = "";
    stream?.on("data", (text: Buffer) => {
      const parts = (rest_ + text.toString()).split("\n");
      rest_ = parts.pop() ?? "";
      lines.push(...parts);
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<void>((resolve) => void started.once("close", () => resolve()));
  const until = async (isThere: () => boolean): Promise<void> => {
    const there = Promise.withResolvers<void>();
    const look = (): void => {
      if (isThere()) there.resolve();
    };
    waiting.add(look);
    look();
    await Promise.race([there.promise, ended]);
    waiting.delete(look);
  };
  return {
    process: started,
    lines,
    ended,
    said: async (what) =>
      await until(
        typeof what === "number"
          ? () => lines.length >= what
          : () => lines.some((line) => line.includes(what)),
      ),
  };
}

/** The words that give a command a folder on a full little disk of its own, gone with it. @param kib its size. */
export function onSmallDisk(dir: string, kib: number): string[] {
  const asRoot = process.getuid?.() === 0;
  return [
    ...["unshare", ...(asRoot ? [] : ["--user", "--map-root-user"]), "--mount", "--"],
    ...["sh", "-c", 'mount -t tmpfs -o size="$1"k none "$2" && shift 2 && "$@"; code=$?; exit $code', "sh"],
    ...[`${kib}`, dir],
  ];
}
