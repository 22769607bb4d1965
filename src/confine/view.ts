import { existsSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setprivInside } from "./confinement.ts";

/** What a confined program is shown of the host; there is nothing else. */
export interface View {
  /** The program itself, by its whole path. */
  readonly program: string;
  /** Files that it reads. */
  readonly read: readonly string[];
  /** Files that it changes. */
  readonly write: readonly string[];
  /** Folders of its own. */
  readonly folders: readonly string[];
  /** Devices of the host's. */
  readonly devices: readonly string[];
}

/** How a thing is shown, in the words of mount(8). */
const options = {
  /** What it runs of the host's: rbind, for a store of Nix may be mounted in parts. */
  system: "rbind,ro,nosuid,nodev",
  program: "bind,ro,nosuid,nodev",
  read: "bind,ro,nosuid,nodev,noexec",
  write: "bind,nosuid,nodev,noexec",
  device: "bind",
} as const;

interface Mount {
  readonly source: string;
  readonly target: string;
  readonly how: keyof typeof options;
}

/** Beside what the caller names: every program needs these. */
const devices = ["/dev/null", "/dev/urandom"] as const;

/**
 * Where QEMU's libraries and firmware are; what a host has not is left out. A folder of libraries holds hardly a
 * program, unlike the one above it, which is shown only where libraries lie in it directly.
 */
function systemFolders(program: string): string[] {
  const ofLibraries = ["/usr/lib", "/lib"].flatMap((folder) => {
    const below = (existsSync(folder) ? readdirSync(folder) : []).filter((name) => /-linux-\w+$/.test(name));
    return below.length > 0 ? below.map((name) => join(folder, name)) : [folder];
  });
  return [
    ...ofLibraries,
    ...["/lib64", "/usr/lib64", "/usr/share/qemu", "/usr/share/seabios", "/nix/store"],
    ...(program.startsWith("/usr/local/") ? ["/usr/local/lib"] : []),
    ...firmwareBeside(program),
  ];
}

/**
 * Where a QEMU that lies elsewhere than it was built for has its firmware. It would find that by its own place, which it
 * asks /proc for; a confined program has none, so it is told (`-L`).
 *
 * @param program by its whole path.
 * @see https://www.qemu.org/docs/master/system/invocation.html (-L)
 * @example firmwareBeside("/opt/qemu/bin/qemu-system-x86_64") // ["/opt/qemu/share/qemu"], if it is there
 */
export function firmwareBeside(program: string): string[] {
  const prefix = dirname(dirname(program));
  // A distribution's knows its own, which may be several folders.
  if (prefix === "/usr" || prefix.startsWith("/nix/store/")) return [];
  return ["share/qemu", "share/seabios"]
    .map((folder) => join(prefix, folder))
    .filter((folder) => existsSync(folder));
}

/**
 * Lay the root of a confined program out: empty folders and files, over which the host's own are mounted once the
 * program has a namespace of its own. Nothing is mounted here.
 *
 * @param root an empty folder.
 * @param sources what is shown in place of a path of the view's, where it is not the host's own.
 * @returns what is to be mounted, as mount(8) reads it with `-T`.
 * @see https://man7.org/linux/man-pages/man5/fstab.5.html
 */
export function layOut(root: string, view: View, sources: ReadonlyMap<string, string>): string {
  const mounts: Mount[] = [];
  const add = (path: string, how: Mount["how"]): void => {
    const source = sources.get(path) ?? path;
    if (existsSync(source)) mounts.push({ source: realpathSync(source), target: path, how });
  };
  for (const folder of systemFolders(view.program)) add(folder, "system");
  add("/etc/ld.so.cache", "program");
  add(setprivInside, "program");
  add(view.program, "program");
  for (const path of [...devices, ...view.devices]) add(path, "device");
  for (const path of view.read) add(path, "read");
  for (const path of view.write) add(path, "write");
  for (const path of view.folders) add(path, "write");
  // What holds another comes first.
  mounts.sort((a, b) => a.target.length - b.target.length);
  const lines = [line({ source: root, target: "", how: "read" }, root)];
  const shown = new Map<string, Mount>();
  for (const mount of mounts) {
    const { source, target } = mount;
    if (shown.has(target) || isShown(mount, shown)) continue;
    shown.set(target, mount);
    const place = join(root, target);
    if (statSync(source).isDirectory()) mkdirSync(place, { recursive: true });
    else {
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, "", { flag: "a" });
    }
    lines.push(line(mount, root));
  }
  return `${lines.join("\n")}\n`;
}

/** Whether a folder of the system that is shown already holds the same thing at the same place. */
function isShown({ source, target }: Mount, shown: ReadonlyMap<string, Mount>): boolean {
  for (const [folder, { source: below, how }] of shown)
    if (
      how === "system" &&
      target.startsWith(`${folder}/`) &&
      source === join(below, target.slice(folder.length))
    )
      return true;
  return false;
}

function line({ source, target, how }: Mount, root: string): string {
  return `${escaped(source)} ${escaped(`${root}${target}`)} none ${options[how]} 0 0`;
}

/** White space ends a field; it is written as its number in octal. */
function escaped(path: string): string {
  return path.replace(
    /[ \t\n\\#]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
}
