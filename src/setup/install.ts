import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { type Need, needsFor, type Purpose, packagesFor } from "./needs.ts";

export interface FoundNeed {
  readonly need: Need;
  /** Where it is, or undefined when it is missing. */
  readonly path: string | undefined;
}

/** Look for each need on this host. */
export async function findNeeds(context: Context, purpose: Purpose = "work"): Promise<FoundNeed[]> {
  return await Promise.all(
    needsFor(purpose).map(async (need) => {
      const candidates = "file" in need.look ? [need.look.file] : programPlaces(context, need.look.program);
      for (const path of candidates) {
        if (await isThere(path, "file" in need.look ? constants.R_OK : constants.X_OK)) return { need, path };
      }
      return { need, path: undefined };
    }),
  );
}

/**
 * Install what is missing, where root or passwordless sudo allows it. A host without apt, such as NixOS with
 * `nix develop`, is told what is missing and goes on: work that needs it will say so.
 *
 * @returns the packages that were installed.
 * @throws {InfraError} when it may not: the error's `next` is the one line to copy.
 */
export async function installMissing(context: Context, purpose: Purpose = "work"): Promise<string[]> {
  const missing = packagesFor(
    (await findNeeds(context, purpose)).filter(({ path }) => path === undefined).map(({ need }) => need),
  );
  if (missing.length === 0) return [];
  const apt = await Promise.all(
    programPlaces(context, "apt-get").map((path) => isThere(path, constants.X_OK)),
  );
  if (!apt.includes(true)) {
    context.progress({
      type: "note",
      text: `this host has no apt; not found is what Debian has in: ${missing.join(", ")}`,
    });
    return [];
  }
  const line = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  const become = await becomeRoot(context);
  if (!become) {
    throw new InfraError(
      `these Debian packages are missing and this user may not install them: ${missing.join(", ")}`,
      {
        next: `As root, run: ${line}`,
      },
    );
  }
  await step(context.progress, `install ${missing.length} Debian packages`, async (progress) => {
    const run = async (argv: string[]): Promise<void> => {
      await command([...become, "env", "DEBIAN_FRONTEND=noninteractive", ...argv], {
        within: "10m",
        signal: context.signal,
        onOutput: (text) => progress.update({ detail: text.trim().split("\n").at(-1) ?? "" }),
      });
    };
    await run(["apt-get", "update"]);
    // Another apt (unattended upgrades) may hold the lock for a while.
    await run([
      "apt-get",
      "-o",
      "DPkg::Lock::Timeout=300",
      "install",
      "-y",
      "--no-install-recommends",
      ...missing,
    ]);
  });
  const still = packagesFor(
    (await findNeeds(context, purpose)).filter(({ path }) => path === undefined).map(({ need }) => need),
  );
  if (still.length > 0)
    throw new InfraError(`still missing after the installation: ${still.join(", ")}`, {
      next: `As root, run: ${line}`,
    });
  return missing;
}

async function becomeRoot(context: Context): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const sudo = await command(["sudo", "-n", "true"], { within: "10s", signal: context.signal }).catch(
    () => undefined,
  );
  context.signal.throwIfAborted();
  return sudo ? ["sudo", "-n"] : undefined;
}

function programPlaces(context: Context, program: string): string[] {
  // mke2fs and others are in sbin, which a user's PATH may leave out.
  return [...context.settings.path.split(delimiter), "/usr/sbin", "/sbin"].map((dir) => join(dir, program));
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}
