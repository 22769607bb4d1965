import type { Context } from "../base/context.ts";
import { DstateError, messageOf } from "../base/errors.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { type AcceleratorAnswer, probeAccelerator } from "../machine/accelerator.ts";
import { probeConfinement } from "../machine/probe-confinement.ts";
import { whyNoMachines, withoutMachines } from "../platform/host.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { debianRoots } from "../supply/debian-roots.ts";
import { type FoundNeed, findManager, findNeeds, howToInstall } from "./install.ts";
import { namePackages, type PackageManager } from "./managers.ts";
import { type NamespaceAnswer, probeNamespaces } from "./namespaces.ts";
import { needsFor, packagesFor } from "./needs.ts";

/** One thing that was tried, what came of it, and what to do where it does not work. */
export interface Finding {
  readonly what: string;
  readonly works: boolean;
  readonly text: string;
  readonly next?: string | undefined;
}

/** A host as `dstate doctor` shows it. */
export interface Examination {
  readonly needs: readonly FoundNeed[];
  readonly manager: PackageManager | undefined;
  readonly acceleration: AcceleratorAnswer | undefined;
  readonly findings: readonly Finding[];
  /** Whether everything that Debian guests need is there and works. */
  readonly good: boolean;
}

/** Look at everything that dstate needs of this host, and try what can be tried in seconds. */
export async function examineHost(context: Context): Promise<Examination> {
  const noMachines = whyNoMachines();
  const needs = await findNeeds(context, "tests");
  const manager = await findManager(context);
  if (noMachines !== undefined) {
    const finding = { what: "machines", works: false, text: noMachines, next: withoutMachines };
    return { needs, manager, acceleration: undefined, findings: [finding], good: false };
  }
  const kernel = await findCachedKernel(context);
  const acceleration = kernel ? await probeAccelerator(kernel, context).catch(() => undefined) : undefined;
  context.signal.throwIfAborted();
  const findings = [
    describeAcceleration(acceleration),
    describeNamespaces(await probeNamespaces(context)),
    ...(await describeConfinement(context)),
    await findArchive(context),
  ];
  // What only the tests need is shown, and is no fault of a user's host.
  const work = needsFor("work");
  const missing = needs.filter(({ need, path }) => path === undefined && work.includes(need));
  if (missing.length > 0) {
    const packages = packagesFor(missing.map(({ need }) => need));
    const text = `${missing.length} of what is needed`;
    findings.push({ what: "missing", works: false, text, next: howToInstall(manager, packages) });
  }
  return { needs, manager, acceleration, findings, good: findings.every(({ works }) => works) };
}

/** What a package is called here: Debian's name where no manager is known. */
export function packageHere(manager: PackageManager | undefined, debian: string): string {
  if (!manager) return debian;
  return namePackages(manager, [debian]).names[0] ?? `none (Debian: ${debian})`;
}

function describeAcceleration(answer: AcceleratorAnswer | undefined): Finding {
  const text = answer
    ? `${answer.accelerator.type.toUpperCase()}: ${answer.because}`
    : "not tried: it takes a kernel to boot, and QEMU or every kernel is missing yet";
  // Slow is not broken.
  return { what: "acceleration", works: true, text };
}

function describeNamespaces({ works, because, next }: NamespaceAnswer): Finding {
  const text = works ? because : `Debian images cannot be made: ${because}`;
  return { what: "user namespaces", works, text, next };
}

/** Less held is not broken: it is told. */
async function describeConfinement(context: Context): Promise<Finding[]> {
  const { settings, signal } = context;
  const run = { runtimeRoot: settings.runtimeDir, signal };
  const found = await probeConfinement(guestPlatform, settings, run).catch(() => undefined);
  signal.throwIfAborted();
  return found ? [{ what: "confinement", works: true, text: found.because }] : [];
}

async function findArchive(context: Context): Promise<Finding> {
  const what = "Debian archive";
  try {
    const { main } = await debianRoots(context);
    return { what, works: true, text: main };
  } catch (error) {
    context.signal.throwIfAborted();
    const next = error instanceof DstateError ? error.next : undefined;
    return { what, works: false, text: messageOf(error), next };
  }
}
