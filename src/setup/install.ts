import { access, constants, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { timeouts } from "../base/timeouts.ts";
import { findKeyring } from "../supply/signature.ts";
import { installLine, namePackages, type PackageManager, packageManagers } from "./managers.ts";
import { type Need, needsFor, type Purpose, packagesFor } from "./needs.ts";

export interface FoundNeed {
  readonly need: Need;
  /** Where it is, or undefined when it is missing. */
  readonly path: string | undefined;
}

/** Look for each need on this host. */
export async function findNeeds(context: Context, purpose: Purpose = "work"): Promise<FoundNeed[]> {
  return await Promise.all(
    needsFor(purpose).map(async (need) => ({ need, path: await placeOf(need, context) })),
  );
}

async function placeOf({ look }: Need, context: Context): Promise<string | undefined> {
  if ("header" in look) return await headerPlace(look.header, context.signal);
  if ("program" in look) {
    const versions = look.beside === undefined ? [] : await readdir(look.beside).catch(() => []);
    const beside = versions.map((version) => join(look.beside ?? "", version, "bin", look.program));
    return await firstThere([...programPlaces(context, look.program), ...beside], constants.X_OK);
  }
  const { busybox, debianKeyring } = context.settings;
  return look.setting === "busybox"
    ? await firstThere([busybox], constants.R_OK)
    : await findKeyring(debianKeyring);
}

/** Where the compiler finds a header: only it knows, for on NixOS there is no one folder of headers. */
async function headerPlace(header: string, signal: AbortSignal): Promise<string | undefined> {
  const argv = ["gcc", "-E", "-include", header, "-x", "c", "/dev/null"];
  const seen = await command(argv, { within: timeouts.host.ask, signal }).catch(() => undefined);
  signal.throwIfAborted();
  return seen?.stdout
    .split("\n")
    .flatMap((line) => /^# 1 "([^"]+)"/.exec(line)?.[1] ?? [])
    .find((path) => path.endsWith(`/${header}`));
}

async function firstThere(places: readonly string[], mode: number): Promise<string | undefined> {
  for (const place of places) if (await isThere(place, mode)) return place;
  return undefined;
}

/** The package manager of this host; undefined: none that is known, as on NixOS. */
export async function findManager(context: Context): Promise<PackageManager | undefined> {
  for (const manager of packageManagers) {
    if (await firstThere(programPlaces(context, manager.program), constants.X_OK)) return manager;
  }
  return undefined;
}

/**
 * What to do about missing packages, in sentences.
 *
 * @param packages Debian's names for them.
 */
export function howToInstall(manager: PackageManager | undefined, packages: readonly string[]): string {
  if (!manager) {
    return `missing is what Debian has in: ${packages.join(", ")}. This host has no package manager that dstate knows; on NixOS, \`nix develop\` has them.`;
  }
  const { names, none } = namePackages(manager, packages);
  const line = names.length === 0 ? "" : `As root, run: ${installLine(manager, names)}`;
  if (manager.state === "tried") return line;
  return [
    line,
    ...(none.length > 0 ? [`${manager.systems} has no package for Debian's ${none.join(", ")}.`] : []),
    `The names for ${manager.systems} were read, not tried: what is there under another name does as well.`,
  ]
    .filter(Boolean)
    .join("\n  ");
}

export interface Installation {
  readonly installed: readonly string[];
  /** Debian's names for what this host still lacks: work that needs it will say so. */
  readonly missing: readonly string[];
}

/**
 * Install what is missing, where root or passwordless sudo allows it. A host without a known package manager, such as
 * NixOS with `nix develop`, is told what is missing and goes on.
 *
 * @throws {InfraError} when it may not, or the host is none on which this was tried: the error's `next` is the one line
 *   to copy.
 */
export async function installMissing(context: Context, purpose: Purpose = "work"): Promise<Installation> {
  const missing = await missingPackages(context, purpose);
  if (missing.length === 0) return { installed: [], missing };
  const manager = await findManager(context);
  const next = howToInstall(manager, missing);
  if (!manager || namePackages(manager, missing).names.length === 0) {
    context.progress({ type: "note", text: next });
    return { installed: [], missing };
  }
  const become = manager.state === "tried" ? await becomeRoot(context) : undefined;
  if (!become) {
    const who =
      manager.state === "tried" ? "this user may not install them" : "dstate installs none here by itself";
    throw new InfraError(`these Debian packages are missing and ${who}: ${missing.join(", ")}`, { next });
  }
  await longStep(
    context,
    { title: `install ${missing.length} Debian packages`, kind: "install", guess: "1m" },
    async (progress) => {
      const run = async (argv: string[]): Promise<void> => {
        await command([...become, "env", "DEBIAN_FRONTEND=noninteractive", ...argv], {
          within: timeouts.host.install,
          signal: context.signal,
          onOutput: (text) => progress.update({ detail: text.trim().split("\n").at(-1) ?? "" }),
        });
      };
      await run(["apt-get", "update"]);
      // Another apt (unattended upgrades) may hold the lock for a while.
      const options = ["-o", "DPkg::Lock::Timeout=300", "-y", "--no-install-recommends"];
      await run(["apt-get", ...options, "install", ...missing]);
    },
  );
  const still = await missingPackages(context, purpose);
  if (still.length > 0)
    throw new InfraError(`still missing after the installation: ${still.join(", ")}`, { next });
  return { installed: missing, missing: [] };
}

async function missingPackages(context: Context, purpose: Purpose): Promise<string[]> {
  const found = await findNeeds(context, purpose);
  return packagesFor(found.filter(({ path }) => path === undefined).map(({ need }) => need));
}

async function becomeRoot(context: Context): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const sudo = await command(["sudo", "-n", "true"], {
    within: timeouts.host.ask,
    signal: context.signal,
  }).catch(() => undefined);
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
