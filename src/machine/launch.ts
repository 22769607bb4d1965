import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bareEnvironment } from "../base/program.ts";
import { type Confinement, filterArguments } from "../confine/confinement.ts";
import { firmwareBeside } from "../confine/view.ts";
import { layersOf, prepareLayers } from "./layers.ts";
import type { MachineOptions } from "./options.ts";
import { probeConfinement } from "./probe-confinement.ts";
import { findQemu } from "./qemu-binary.ts";
import type { RunDirectory } from "./run-directory.ts";
import { type FilesOfMachine, prepareSandbox } from "./sandbox.ts";

/** A QEMU that was started. */
export interface Launched {
  readonly child: ChildProcess;
  readonly confinement: Confinement;
  /** The program and its arguments, without what confines it. */
  readonly command: readonly [string, ...string[]];
}

/**
 * Start QEMU, confined as far as this host allows it: it is the one program that a guest may take over. It gets
 * SIGKILL from the kernel when this process dies, however it dies (setpriv's --pdeathsig), and a process group of its
 * own, so that a Ctrl-C in the terminal reaches only us.
 *
 * @param argv QEMU's words.
 * @throws {InfraError} when there is no QEMU, or no room for what the guest writes.
 * @see https://man7.org/linux/man-pages/man1/setpriv.1.html
 */
export async function launch(
  argv: readonly string[],
  options: MachineOptions,
  { directory, fed }: { readonly directory: RunDirectory; readonly fed: boolean },
): Promise<Launched> {
  const { host, platform, runtimeRoot, signal } = options;
  const { path: program } = await findQemu(host, platform);
  const confinement = await probeConfinement(platform, host, { runtimeRoot, signal });
  const layers = layersOf(options, directory);
  await prepareLayers(options.layersDir, { runtimeRoot });
  await mkdir(layers, { mode: 0o700 });
  await directory.extend(layers);
  const firmware = firmwareBeside(program).flatMap((folder) => ["-L", folder]);
  const words = [...firmware, ...(confinement.filter ? filterArguments : []), ...argv];
  const confined = await prepareSandbox({
    confinement,
    program,
    argv: words,
    files: await filesOf(options),
    folders: [directory.own, layers],
    network: options.network,
    accelerator: options.accelerator.type,
    directory,
    path: host.path,
    busybox: host.busybox,
  });
  const [first, ...rest] = confined;
  const child = spawn(first, rest, {
    cwd: directory.path,
    detached: true,
    stdio: ["ignore", "ignore", "pipe", ...(fed ? (["pipe"] as const) : [])],
    // Private layers of disks are unlinked files of QEMU's in this folder.
    env: bareEnvironment(host, { TMPDIR: layers }),
  });
  return { child, confinement, command: [platform.qemu.program, ...words] };
}

/** Every file that a machine is started with. */
async function filesOf(options: MachineOptions): Promise<FilesOfMachine> {
  const { kernel, disks, memoryFile, recording } = options;
  const read = [kernel.boot, ...(kernel.initrd === undefined ? [] : [kernel.initrd])];
  const write: string[] = [];
  const shared: string[] = [];
  for (const disk of disks) {
    (disk.access === "read-write" ? write : read).push(disk.path);
    // A raw image is what a guest wrote: whatever its first bytes look like, it names no file of the host's.
    const below = disk.format === "qcow2" ? await imageBelow(disk.path) : undefined;
    if (below !== undefined) read.push(below);
  }
  if (recording) {
    (recording.mode === "record" ? write : read).push(recording.log);
    if (recording.mode === "record") await writeFile(recording.log, "");
  }
  if (memoryFile && "path" in memoryFile) {
    // QEMU opens it for writing even where its changes stay its own.
    if (memoryFile.use === "clone") shared.push(memoryFile.path);
    else write.push(memoryFile.path);
    if (memoryFile.use === "freeze" && !existsSync(memoryFile.path)) await writeFile(memoryFile.path, "");
  }
  return { read, write, shared };
}

/**
 * The image that a qcow2 file stands on, as its header has it: asking `qemu-img` takes as long as half a warm start.
 *
 * @see https://www.qemu.org/docs/master/interop/qcow2.html (backing_file_offset, backing_file_size)
 */
async function imageBelow(path: string): Promise<string | undefined> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0);
  const [at, length] = [Number(buffer.readBigUInt64BE(8)), buffer.readUInt32BE(16)];
  if (at === 0 || length === 0 || length > 1023) return undefined;
  const name = await file.read(Buffer.alloc(length), 0, length, at);
  return resolve(dirname(path), name.buffer.toString());
}

/**
 * Hand QEMU a frozen state through its descriptor 3. A socket, not the file itself: QEMU 11 refuses files there, and
 * its `file:` is not known to QEMU before 8.2.
 *
 * @see https://www.qemu.org/docs/master/about/removed-features.html (fd: URI when used for file migration)
 */
export function feed(state: Readable, child: ChildProcess): void {
  const into = child.stdio[3];
  if (!(into instanceof Writable)) return;
  // A QEMU that takes no more of it tells why over its monitor, or ends.
  pipeline(state, into).catch(() => {});
}
