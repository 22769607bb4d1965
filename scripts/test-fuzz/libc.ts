import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../../src/base/command.ts";
import type { Context } from "../../src/base/context.ts";

/** What the fuzzer's own library asks for. */
const asked = 2.38;

/**
 * How a program is started with a C library that the fuzzer can be loaded into: as it is, or, on a system with an older
 * one such as Debian 12, by the loader of Debian 13, which is fetched for that.
 *
 * @returns words to put in front of the program.
 */
export async function newLibc({ settings, signal }: Context): Promise<readonly string[]> {
  const { stdout } = await command(["getconf", "GNU_LIBC_VERSION"], { within: "10s", signal });
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
  if (Number(major) > 2 || Number(minor) >= Number(String(asked).split(".")[1])) return [];
  const root = join(settings.cacheDir, "fuzz", ".libc-debian-13");
  const loader = join(root, "usr/lib64/ld-linux-x86-64.so.2");
  const isThere = await command(["test", "-e", loader], { within: "10s", signal }).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const draft = `${root}.${process.pid}`;
    await mkdir(join(settings.cacheDir, "fuzz"), { recursive: true });
    const packages = "libc6,libgcc-s1,libstdc++6";
    await command(
      ["mmdebstrap", "--variant=extract", "--mode=auto", `--include=${packages}`, "trixie", draft],
      {
        within: "10m",
        signal,
      },
    );
    await rm(root, { recursive: true, force: true });
    await rename(draft, root);
  }
  return [loader, "--library-path", join(root, "usr/lib/x86_64-linux-gnu")];
}
