import { copyFile, mkdir, realpath, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CommandError, command } from "../base/command.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";

const program = guestPlatform.qemu.userProgram;
const install = "Install the Debian package qemu-user: `dstate setup`.";

/**
 * Put qemu-user of this host, with its loader and every library that it is linked with, the C library too, into a
 * folder that a guest will have: the guest has none of them, or of another release. It is another layer that answers
 * system calls, for the same binaries.
 *
 * @throws {InfraError} when qemu-user is not installed.
 * @example await copyQemuUser(join(dir, "qemu"), signal); // in `prepare.make`
 */
export async function copyQemuUser(to: string, signal: AbortSignal): Promise<void> {
  const options = { within: timeouts.host.ask, signal, install } as const;
  // Says that it is missing, in the words of every other program.
  await command([program, "--version"], options);
  const { stdout: found } = await command(["sh", "-c", `command -v ${program}`], options);
  const path = await realpath(found.trim());
  const { loader, libraries } = await linkedWith(path, signal);
  await mkdir(join(to, "lib"), { recursive: true });
  await copyFile(path, join(to, program));
  for (const library of libraries)
    await copyFile(await realpath(library), join(to, "lib", basename(library)));
  const start = loader === undefined ? startStatic : startLinked;
  if (loader !== undefined) await copyFile(await realpath(loader), join(to, "lib/loader"));
  await writeFile(join(to, "start"), start, { mode: 0o755 });
}

const startStatic = `#!/bin/sh
exec "\${0%/*}/${program}" "$@"
`;
// The loader is told where its libraries are by an argument, which what runs below qemu does not inherit.
const startLinked = `#!/bin/sh
exec "\${0%/*}/lib/loader" --library-path "\${0%/*}/lib" "\${0%/*}/${program}" "$@"
`;

/** Since QEMU 8 Debian's qemu-user is linked statically. */
async function linkedWith(
  path: string,
  signal: AbortSignal,
): Promise<{ loader: string | undefined; libraries: string[] }> {
  const { stdout } = await command(["ldd", path], { within: timeouts.host.ask, signal }).catch(
    (error: unknown) => {
      if (error instanceof CommandError && /not a dynamic executable/.test(error.stderr + error.stdout))
        return { stdout: "" };
      throw error;
    },
  );
  return {
    loader: /^\s*(\/\S*ld-\S+) \(/m.exec(stdout)?.[1],
    libraries: [...stdout.matchAll(/=> (\/\S+)/g)].flatMap(([, library]) => library ?? []),
  };
}

/**
 * The argument vector that runs a program of the guest below qemu-user.
 *
 * @param folder what {@link copyQemuUser} filled, as the guest sees it.
 * @example await vm.guest.exec(underQemuUser("/srv/work/qemu", ["/srv/work/conformance"]))
 */
export function underQemuUser(folder: string, argv: readonly string[]): string[] {
  return [`${folder}/start`, ...argv];
}
