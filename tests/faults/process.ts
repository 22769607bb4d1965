import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("child.ts", import.meta.url));

/** A dstate that does one thing: see child.ts. */
export interface Started {
  readonly process: ChildProcess;
  /** Its lines so far. */
  readonly lines: readonly string[];
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Resolves when it has said so many lines, or has ended. */
  said(count: number): Promise<void>;
}

/** Start one. @param before words in front of its command line, such as those of a wrapper. */
export function start(what: readonly string[], before: readonly string[] = []): Started {
  const argv = [...before, process.execPath, "--disable-warning=ExperimentalWarning", child, ...what];
  const [first = "", ...rest] = argv;
  const started = spawn(first, rest, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest_ = "";
  started.stdout?.on("data", (text: Buffer) => {
    const parts = (rest_ + text.toString()).split("\n");
    rest_ = parts.pop() ?? "";
    lines.push(...parts);
    for (const look of waiting) look();
  });
  const ended = new Promise<void>((resolve) => void started.once("close", () => resolve()));
  return {
    process: started,
    lines,
    ended,
    said: async (count) => {
      const enough = Promise.withResolvers<void>();
      const look = (): void => {
        if (lines.length >= count) enough.resolve();
      };
      waiting.add(look);
      look();
      await Promise.race([enough.promise, ended]);
      waiting.delete(look);
    },
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
