import { copyFile, mkdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { command } from "../base/command.ts";

const program = "qemu-x86_64";
const install = "Install the Debian package qemu-user: `dstate setup`.";

/**
 * Put qemu-user of this host, with every library that it is linked with, into a folder that a guest will have: the
 * guest has none of them. It is another layer that answers system calls, for the same binaries.
 *
 * @throws {InfraError} when qemu-user is not installed.
 * @example await copyQemuUser(join(dir, "qemu"), signal); // in `prepare.make`
 */
export async function copyQemuUser(to: string, signal: AbortSignal): Promise<void> {
  const options = { within: "30s", signal, install } as const;
  // Says that it is missing, in the words of every other program.
  await command([program, "--version"], options);
  const { stdout: found } = await command(["sh", "-c", `command -v ${program}`], options);
  const path = await realpath(found.trim());
  const { stdout } = await command(["ldd", path], options);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].flatMap(([, library]) => library ?? []);
  await mkdir(join(to, "lib"), { recursive: true });
  await copyFile(path, join(to, program));
  for (const library of libraries) {
    // The guest's own C library fits: it is the same release as the host's, or qemu's symbols are not found.
    if (/^(libc|libm|libpthread|libdl|ld-linux.*)\.so/.test(basename(library))) continue;
    await copyFile(await realpath(library), join(to, "lib", basename(library)));
  }
}

/**
 * The argument vector that runs a program of the guest below qemu-user.
 *
 * @param folder what {@link copyQemuUser} filled, as the guest sees it.
 * @example await vm.guest.exec(underQemuUser("/srv/work/qemu", ["/srv/work/conformance"]))
 */
export function underQemuUser(folder: string, argv: readonly string[]): string[] {
  // -U: its libraries are for qemu itself, not for what runs below it.
  return ["env", `LD_LIBRARY_PATH=${folder}/lib`, `${folder}/${program}`, "-U", "LD_LIBRARY_PATH", ...argv];
}
