import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { InfraError } from "../base/errors.ts";
import type { Settings } from "../base/settings.ts";
import type { Platform } from "../platform/platform.ts";

/**
 * The QEMU that would be started: the file itself, whatever links lead to it.
 *
 * @throws {InfraError} when there is none on the path.
 */
export async function findQemu(
  settings: Pick<Settings, "path">,
  { qemu: { program } }: Pick<Platform, "qemu">,
): Promise<{ readonly path: string; readonly size: number; readonly mtimeMs: number }> {
  for (const folder of settings.path.split(":").filter(Boolean)) {
    try {
      const path = await realpath(join(folder, program));
      const { size, mtimeMs } = await stat(path);
      return { path, size, mtimeMs };
    } catch {
      // Not in this folder.
    }
  }
  throw new InfraError(`the program "${program}" is not installed`, {
    next: "Run `dstate doctor` to see what is missing and how to install it.",
  });
}

/**
 * Names the QEMU that would be started: another one after every upgrade. It looks at the file only, for asking
 * QEMU its version takes as long as a twentieth of a warm start.
 *
 * @throws {InfraError} when there is none on the path.
 * @example await identifyQemu(context.settings, guestPlatform) // "/usr/bin/qemu-system-x86_64 17243264 1718000000000"
 */
export async function identifyQemu(
  settings: Pick<Settings, "path">,
  platform: Pick<Platform, "qemu">,
): Promise<string> {
  const { path, size, mtimeMs } = await findQemu(settings, platform);
  return `${path} ${size} ${mtimeMs}`;
}
