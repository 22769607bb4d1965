import { existsSync } from "node:fs";
import { mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Confinement, confinedCommand, setprivInside, someIds } from "../confine/confinement.ts";
import { grantTo } from "../confine/rights.ts";
import { layOut, type View } from "../confine/view.ts";
import type { AcceleratorType } from "../platform/platform.ts";
import type { RunDirectory } from "./run-directory.ts";

/** A program that is to be confined, and what it needs of the host. */
export interface SandboxRequest {
  readonly confinement: Confinement;
  /** By its whole path. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly files: FilesOfMachine;
  /** Folders of its own. */
  readonly folders: readonly string[];
  /** `user`: its guest reaches beyond the machine, over the host's network. */
  readonly network: "isolated" | "user";
  readonly accelerator: AcceleratorType;
  /** Its root is laid out here. */
  readonly directory: RunDirectory;
  /** Where programs are looked for, as in PATH. */
  readonly path: string;
  /** A static busybox. */
  readonly busybox: string;
}

/** Files of a machine, by their whole paths. */
export interface FilesOfMachine {
  readonly read: readonly string[];
  /** That it changes. */
  readonly write: readonly string[];
  /** That QEMU opens for writing and does not write to, several at once. */
  readonly shared: readonly string[];
}

/** What resolves names for a guest that reaches beyond the machine. */
const resolver = "/etc/resolv.conf";

/**
 * Lay out what a program sees, give it the rights for that, and nothing else.
 *
 * @returns the command that starts it.
 */
export async function prepareSandbox(request: SandboxRequest): Promise<[string, ...string[]]> {
  const { confinement, program, argv, files, directory } = request;
  const { way, ownNetwork } = confinement;
  if (way === "none") return confinedCommand("none", undefined, [program, ...argv]);
  const kvm = request.accelerator === "kvm" ? ["/dev/kvm"] : [];
  const view: View = {
    program,
    read: [...files.read, ...(request.network === "user" && existsSync(resolver) ? [resolver] : [])],
    write: [...files.write, ...files.shared],
    folders: request.folders,
    devices: kvm,
  };
  const ids = someIds();
  const copies = join(directory.path, "copies");
  const sources =
    way === "root" ? await grantTo(ids, view, { copies, shared: files.shared }) : new Map<string, string>();
  const setpriv = await findProgram(request.path, "setpriv");
  if (setpriv !== undefined) sources.set(setprivInside, setpriv);
  const root = join(directory.path, "root");
  await mkdir(root);
  const mounts = join(directory.path, "mounts");
  await writeFile(mounts, layOut(root, view, sources));
  return confinedCommand(
    way,
    {
      root,
      mounts,
      ids,
      groups: await Promise.all(kvm.map(async (device) => (await stat(device)).gid)),
      ownNetwork: ownNetwork && request.network === "isolated" ? request.busybox : undefined,
    },
    [program, ...argv],
  );
}

/** Where a program of the host is, whatever links lead to it: a system may have it anywhere. */
async function findProgram(path: string, name: string): Promise<string | undefined> {
  for (const folder of path.split(":").filter(Boolean)) {
    const found = await realpath(join(folder, name)).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}
