import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { debianKeyrings } from "../supply/signature.ts";
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
  if ("program" in look) return await firstThere(programPlaces(context, look.program), constants.X_OK);
  const { busybox, debianKeyring } = context.settings;
  const places = { busybox: [busybox], debianKeyring: debianKeyring ? [debianKeyring] : debianKeyrings };
  return await firstThere(places[look.setting], constants.R_OK);
}

/** Where the compiler finds a header: only it knows, for on NixOS there is no one folder of headers. */
async function headerPlace(header: string, signal: AbortSignal): Promise<string | undefined> {
  const argv = ["gcc", "-E", "-include", header, "-x", "c", "/dev/null"];
  const seen = await command(argv, { within: "30s", signal }).catch(() => undefined);
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

/** What to do about missing packages, in one sentence: a host without apt is most likely NixOS. */
export async function howToInstall(context: Context, packages: readonly string[]): Promise<string> {
  if (await hasApt(context)) {
    return `missing: install with \`dstate setup\`, or as root: ${aptLine(packages)}`;
  }
  return `missing is what Debian has in: ${packages.join(", ")}. This host has no apt; on NixOS, \`nix develop\` has them.`;
}

async function hasApt(context: Context): Promise<boolean> {
  return (await firstThere(programPlaces(context, "apt-get"), constants.X_OK)) !== undefined;
}

function aptLine(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")}`;
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
  if (!(await hasApt(context))) {
    context.progress({ type: "note", text: await howToInstall(context, missing) });
    return [];
  }
  const line = aptLine(missing);
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
