import { CommandError, command } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";

/** Reads every format that packages have: deb's ar, rpm, tar packed in any way. https://libarchive.org */
const reader = "bsdtar";

const install = "Install it: the package libarchive-tools has it (`dstate setup`).";

/** More than this unpacked is no kernel's package. */
const mostBytes = 8 * 1024 ** 3;

export interface ArchiveOptions {
  /** What it is, for messages. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/**
 * Unpack some folders of an archive, and nothing before all of it was read once: one that is cut short, or has a path
 * that leads out of the folder it is unpacked to, leaves nothing behind. Owners and rights are not taken over.
 *
 * @param folders below the archive's top, such as `boot`.
 * @throws {InfraError} when it is broken or dangerous, or needs more room than a kernel's package may.
 * @see https://man.freebsd.org/cgi/man.cgi?query=bsdtar
 * @example await unpackArchive("kernel.rpm", root, ["boot", "lib/modules"], { what: "kernel.rpm", signal })
 */
export async function unpackArchive(
  path: string,
  to: string,
  folders: readonly string[],
  options: ArchiveOptions,
): Promise<void> {
  const names = await checkArchive(path, options);
  const starts = folders.flatMap((folder) => [`${folder}/`, `./${folder}/`]);
  // A pattern that fits nothing is an error to it.
  const there = starts.filter((start) => names.some((name) => name.startsWith(start) && name !== start));
  if (there.length === 0) return;
  const include = there.flatMap((start) => ["--include", `${start}*`]);
  await read(["-x", "-f", path, "-C", to, "--no-same-owner", "--no-same-permissions", ...include], options);
}

/**
 * One file of an archive, by a pattern of its name.
 *
 * @returns undefined when there is none.
 * @throws {InfraError} when the archive is broken.
 */
export async function unpackOne(
  path: string,
  to: string,
  pattern: string,
  options: ArchiveOptions,
): Promise<string | undefined> {
  const names = await checkArchive(path, options);
  const fits = new RegExp(`^(?:\\./)?${pattern}$`);
  const name = names.find((name) => fits.test(name));
  if (name === undefined) return undefined;
  await read(["-x", "-f", path, "-C", to, "--no-same-owner", "--no-same-permissions", name], options);
  return name;
}

/** The names in an archive, all of which was read. */
async function checkArchive(path: string, options: ArchiveOptions): Promise<string[]> {
  const names = (await read(["-t", "-f", path], options)).split("\n").filter(Boolean);
  const leaving = names.find((name) => name.startsWith("/") || name.split("/").includes(".."));
  if (leaving !== undefined) {
    throw new InfraError(
      `${options.what} has a path that leads out of its folder (${oneLine(leaving, { maxLength: 100 })}): nothing of it was unpacked`,
      { next: "No package of a distribution has such paths: get it from elsewhere." },
    );
  }
  const listed = await read(["-t", "-v", "-f", path], options);
  let bytes = 0;
  for (const line of listed.split("\n"))
    bytes += Number(/^-\S+\s+\d+\s+\S+\s+\S+\s+(\d+) /.exec(line)?.[1] ?? 0);
  if (bytes > mostBytes)
    throw new InfraError(`${options.what} holds ${bytes} bytes, which no kernel's package does`, {
      next: "Get it from elsewhere.",
    });
  return names;
}

async function read(argv: readonly string[], { what, signal }: ArchiveOptions): Promise<string> {
  try {
    const { stdout } = await command([reader, ...argv], { within: timeouts.host.image, signal, install });
    return stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why =
      error.stderr
        .replace(/^bsdtar: /gm, "")
        .trim()
        .split("\n")[0] ?? "";
    throw new InfraError(`${what} cannot be unpacked: ${oneLine(why, { maxLength: 200 })}`, {
      next: error.next ?? "It may be cut short: get it again.",
      cause: error,
    });
  }
}
