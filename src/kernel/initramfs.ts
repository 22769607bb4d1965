import { access, chmod, copyFile, mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CommandError, command } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import { sha256OfFile } from "../base/hash-file.ts";
import type { Settings } from "../base/settings.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";

/** What every initramfs of ours is made of, besides a kernel's modules. */
export interface InitramfsRecipe {
  /** The script `/init`. */
  readonly init: string;
  /** Names of modules, in the order they are loaded. */
  readonly modules: readonly string[];
  readonly busybox: string;
  readonly busyboxSha256: string;
}

/**
 * Read the recipe from `vm/debian`, and the host's busybox.
 *
 * @throws {InfraError} when there is no statically linked busybox where the settings say.
 */
export async function readInitramfsRecipe({
  homeDir,
  busybox,
}: Pick<Settings, "homeDir" | "busybox">): Promise<InitramfsRecipe> {
  const dir = join(homeDir, "vm", "debian");
  const image = await readFile(busybox).catch(() => undefined);
  // A dynamically linked program names its loader, in /lib64 or in the Nix store.
  if (!image || image.includes(`/${basename(guestPlatform.cLibraries.glibc.loader)}`)) {
    throw new InfraError(`prebuilt kernels need a statically linked busybox at ${busybox}`, {
      next: "Install it: `apt-get install busybox-static`. Elsewhere, name the file: DSTATE_BUSYBOX.",
    });
  }
  return {
    init: await readFile(join(dir, "initramfs-init"), "utf8"),
    modules: parseModuleList(await readFile(join(dir, "initramfs-modules"), "utf8")),
    busybox,
    busyboxSha256: await sha256OfFile(busybox),
  };
}

/** Module names, one a line; comments start with `#`. */
export function parseModuleList(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter(Boolean);
}

/**
 * Paths of the modules to load, in order, from what `modprobe --show-depends` printed for each of them.
 *
 * @see https://man7.org/linux/man-pages/man8/modprobe.8.html
 */
export function loadOrder(shown: string): string[] {
  const paths = [...shown.matchAll(/^insmod (\S+)/gm)].map(([, path = ""]) => path);
  return [...new Set(paths)];
}

export interface InitramfsOptions {
  readonly recipe: InitramfsRecipe;
  /** An unpacked kernel package, with `lib/modules/<release>` in it. */
  readonly root: string;
  /** What `uname -r` will say. */
  readonly release: string;
  /** Scratch space. */
  readonly work: string;
  /** The file to write. */
  readonly to: string;
  readonly signal: AbortSignal;
}

/**
 * Write an initramfs that loads the modules which reach a guest's root file system. It is not compressed:
 * unpacking costs more under emulation than reading.
 *
 * @returns the file names of the modules inside.
 * @see https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 */
export async function writeInitramfs(options: InitramfsOptions): Promise<string[]> {
  const { recipe, root, release, work, signal } = options;
  const tree = join(work, "initramfs");
  const none = join(work, "no-modprobe.d");
  for (const dir of [join(tree, "bin"), join(tree, "modules"), none]) await mkdir(dir, { recursive: true });
  const kmod = {
    within: timeouts.host.files,
    signal,
    install: "Install kmod: `dstate setup`.",
  } as const;
  // The host's own /etc/modprobe.d says nothing about guests.
  await command(["depmod", "-C", none, "-b", root, release], kmod);
  let shown = "";
  for (const name of recipe.modules) {
    const argv = ["modprobe", "-C", none, "-d", root, "-S", release, "--show-depends", name];
    // A kernel without that module, or with it built in, does without.
    shown += await command(argv, kmod).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        if (error instanceof CommandError) return "";
        throw error;
      },
    );
  }
  const names = [];
  for (const path of loadOrder(shown)) names.push(await addModule(path, join(tree, "modules"), signal));
  await writeFile(join(tree, "modules", "order"), names.map((name) => `${name}\n`).join(""));
  await copyFile(recipe.busybox, join(tree, "bin", "busybox"));
  await writeFile(join(tree, "init"), recipe.init);
  await chmod(join(tree, "init"), 0o755);
  await pack(tree, options.to, signal);
  await rm(tree, { recursive: true, force: true });
  return names;
}

async function addModule(path: string, to: string, signal: AbortSignal): Promise<string> {
  await copyFile(path, join(to, basename(path)));
  const [, name = "", packing] = /^(.*\.ko)(?:\.(xz|zst|gz))?$/.exec(basename(path)) ?? [];
  const unpack = { xz: ["xz", "-d"], zst: ["zstd", "-dq", "--rm"], gz: ["gzip", "-d"] }[packing ?? ""];
  if (unpack) {
    const install = `Install ${unpack[0]}: \`dstate setup\`.`;
    await command([...unpack, join(to, basename(path))], { within: timeouts.host.files, signal, install });
  }
  await access(join(to, name));
  return name;
}

async function pack(tree: string, to: string, signal: AbortSignal): Promise<void> {
  const names = (await readdir(tree, { recursive: true })).sort();
  for (const name of names) await utimes(join(tree, name), 0, 0);
  await command(["cpio", "--create", "--format=newc", "--reproducible", "--owner=0:0", "--quiet", "-O", to], {
    within: timeouts.host.files,
    signal,
    cwd: tree,
    input: `${names.join("\n")}\n`,
    install: "Install cpio: `dstate setup`.",
  });
}
