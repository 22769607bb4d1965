import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { MissingProgramError } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { expectationFrom, type LongStepOptions, longStep, pastTimes } from "../base/past-durations.ts";
import { keyOf, type StoreEntry, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type BuildOptions, type Built, buildKernel, toolchain } from "./build.ts";
import { type ConfigOption, formatOptions, mergeFragments, readFragments } from "./configuration.ts";
import { debugInfoFragment } from "./debug-info.ts";
import type { KernelAbout, KernelOptions } from "./kernel.ts";
import { kernelStore, storedKernels } from "./stored.ts";

/** A kernel to build: what it is called, and how its source is had. */
export interface BuildInput {
  readonly kind: "release" | "git";
  readonly selector: string;
  /** In the name of its entry in the cache. */
  readonly name: string;
  /** As the user named it, for messages. */
  readonly title: string;
  /** What the source is: its sha256 or commit id. */
  readonly identity: string;
  readonly provenance: string;
  /** Get the source, and have it built in `out` or elsewhere. */
  readonly build: (make: Make, out: string, signal: AbortSignal) => Promise<Built>;
}

/** Build a source tree. */
export type Make = (
  place: Pick<BuildOptions, "source" | "objects" | "lock" | "cache" | "incremental">,
) => Promise<Built>;

/** What is built with: the options of guests' kernels, and the compiler. */
export interface GuestConfiguration {
  readonly options: readonly ConfigOption[];
  /** The options without debug information, where that was asked for. */
  readonly plain?: readonly ConfigOption[];
  /** The error instead, where this host has none: a kernel may have been built elsewhere. */
  readonly compiler: string | MissingProgramError;
}

/** The configuration of guests' kernels, with what is laid over it. */
export async function guestConfiguration(
  context: Context,
  options: KernelOptions,
): Promise<GuestConfiguration> {
  const fragments = [...(await readFragments(context.settings.homeDir)), ...(options.fragments ?? [])];
  const compiler = await toolchain(context.signal).catch((error: unknown) => {
    if (error instanceof MissingProgramError) return error;
    throw error;
  });
  const plain = mergeFragments(fragments);
  if (!options.debugInfo) return { options: plain, compiler };
  return { options: mergeFragments([...fragments, debugInfoFragment]), plain, compiler };
}

/** Names a built kernel by what it is made from. */
export function builtKernelKey(facts: {
  readonly name: string;
  readonly identity: string;
  /** Its options as text. */
  readonly configuration: string;
  readonly compiler: string;
}): string {
  const { name, identity, configuration, compiler } = facts;
  const { arch } = guestPlatform.kernelBuild;
  return `${name}-${keyOf({ identity, text: configuration, compiler, arch })}`;
}

/** A kernel that is built here, from the cache or made now. */
export async function storeBuilt(
  input: BuildInput,
  configuration: GuestConfiguration,
  context: Context,
): Promise<StoreEntry> {
  const { name, title, kind, identity } = input;
  const { options, plain, compiler } = configuration;
  const text = formatOptions(options);
  const keyFor = (configuration: string): string =>
    // Without a compiler nothing has this name: what is found is of another host.
    builtKernelKey({
      name,
      identity,
      configuration,
      compiler: typeof compiler === "string" ? compiler : "none",
    });
  const key = keyFor(text);
  const ofAnyCompiler = builtKernelKey({
    name: `${name}-any`,
    identity,
    configuration: text,
    compiler: "any",
  });
  const other = await builtElsewhere(key, name, text, configuration, context);
  if (other) return other;
  return await kernelStore(context).findOrMake(
    key,
    {
      within: timeouts.make.kernel,
      signal: context.signal,
      onCorrupt: sayMadeAnew(context),
      alias: ofAnyCompiler,
      onWait: () =>
        context.progress({ type: "note", text: `Linux ${title} is being built already; waiting for it` }),
    },
    async (dir, signal) => {
      if (typeof compiler !== "string") throw compiler;
      const fragments = keyOf(text);
      // A build that was taken up again counted only what it still had to make.
      const objects = (await storedKernels(context)).flatMap(({ about }) =>
        about.fragments === fragments && about.objects !== undefined ? [about.objects] : [],
      );
      const make: Make = async (place) =>
        await longStep(
          context,
          timing(title, { isDebug: plain !== undefined, isPartial: place.incremental === true }),
          async (step) =>
            await buildKernel({
              ...place,
              out: dir,
              options: configuration.options,
              name: title,
              expected: objects.length > 0 ? Math.max(...objects) : undefined,
              failureLog: join(context.settings.logsDir, `kernel-build-${key}.log`),
              step,
              signal,
            }),
        );
      const built = await input.build(make, dir, signal);
      return {
        kind,
        selector: input.selector,
        version: built.version,
        boot: basename(guestPlatform.kernelBuild.image),
        vmlinux: "vmlinux",
        config: "config",
        ...(built.incremental ? {} : { objects: built.objects }),
        fragments,
        compiler,
        ...(plain === undefined ? {} : { debugInfoOf: keyFor(formatOptions(plain)) }),
        provenance: `${input.provenance} Built here with ${compiler}${plain === undefined ? "" : ", with debug information"}.`,
      } satisfies KernelAbout;
    },
  );
}

/**
 * A kernel of the cache that another compiler built from the same source with the same configuration, as a registry
 * has them. Where there is neither a registry nor a want of a compiler, this host's own builds alone are used.
 */
async function builtElsewhere(
  key: string,
  name: string,
  configuration: string,
  { compiler, plain }: GuestConfiguration,
  context: Context,
): Promise<StoreEntry | undefined> {
  if (context.settings.cacheRegistry === undefined && typeof compiler === "string") return undefined;
  const stored = await storedKernels(context);
  if (stored.some(({ entry }) => entry.key === key)) return undefined;
  return stored.find(
    ({ entry, about }) =>
      entry.key.startsWith(`${name}-`) &&
      about.fragments === keyOf(configuration) &&
      (about.debugInfoOf !== undefined) === (plain !== undefined),
  )?.entry;
}

/** Processor time of a whole build of the guests' configuration, in milliseconds: ten minutes on a host of 2026. */
const wholeBuild = 10 * 60_000;

/** Seconds that a whole build takes here, as far as is known. */
export async function buildSeconds(context: Pick<Context, "settings">): Promise<number> {
  const times = await pastTimes("kernel-build", context.settings);
  const expected = expectationFrom(times, undefined)?.milliseconds ?? wholeBuild / availableParallelism();
  return expected / 1000;
}

/** What a build will take. How much of a tree another commit changes, nobody knows before. */
function timing(
  title: string,
  { isDebug, isPartial }: { readonly isDebug: boolean; readonly isPartial: boolean },
): LongStepOptions {
  return {
    title: `build Linux ${title}`,
    kind: `kernel${isDebug ? "-debug" : ""}-${isPartial ? "rebuild" : "build"}`,
    guess: isPartial ? undefined : wholeBuild / availableParallelism(),
  };
}
