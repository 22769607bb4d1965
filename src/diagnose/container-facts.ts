/** What a container's first process wrote down at its end. */
export interface ContainerFacts {
  /** The command's status as a shell has it: 134 is SIGABRT. Undefined: it did not end. */
  readonly status: number | undefined;
  /** Texts of the files below /proc and /sys that could be read, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** The files that are written down. */
export const factFiles: readonly string[] = [
  "/sys/fs/cgroup/pids.events",
  "/sys/fs/cgroup/pids.max",
  "/sys/fs/cgroup/memory.events",
  "/proc/self/limits",
];

/**
 * A shell script that runs its arguments and then writes the facts into the file that is its `$0`. It starts no
 * process for itself: a pids limit may leave no room for one.
 */
export const factsScript: string = `"$@"
status=$?
exec 3>"$0"
echo "status $status" >&3
for file in ${factFiles.join(" ")}; do
  [ -r "$file" ] || continue
  echo "file $file" >&3
  while IFS= read -r line; do echo "  $line" >&3; done < "$file"
done
exit "$status"`;

/** Read what {@link factsScript} wrote. */
export function parseFacts(text: string): ContainerFacts {
  const files: Record<string, string> = {};
  let current: string | undefined;
  let status: number | undefined;
  for (const line of text.split("\n")) {
    const [, found] = /^status (\d+)$/.exec(line) ?? [];
    const [, file] = /^file (\S+)$/.exec(line) ?? [];
    if (found !== undefined) status = Number(found);
    else if (file !== undefined) {
      current = file;
      files[file] = "";
    } else if (current !== undefined && line.startsWith("  ")) files[current] += `${line.slice(2)}\n`;
  }
  return { status, files };
}

/** A soft limit of /proc/self/limits, in its own words. @example softLimit(text, "Max processes") // "2" */
export function softLimit(limits: string, name: string): string | undefined {
  return limits
    .split("\n")
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
    .trim()
    .split(/\s+/)[0];
}
