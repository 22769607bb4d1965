import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Context } from "../base/context.ts";
import { step } from "../base/progress.ts";
import { keyOf, type StoreEntry } from "../base/store.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { otherPlaces, UnreachableError } from "../supply/download.ts";
import { BuildError, type BuildOptions, type Built, buildKernel, toolchain, unpackSource } from "./build.ts";
import { compilerCache, openBuildTree } from "./build-tree.ts";
import { type ConfigOption, formatOptions, mergeFragments, readFragments } from "./configuration.ts";
import { debugInfoFragment } from "./debug-info.ts";
import { resolveCommit } from "./git-tree.ts";
import type { KernelAbout } from "./kernel.ts";
import { fetchSource, releaseSources } from "./source.ts";
import { kernelStore, storedKernels } from "./stored.ts";

export interface BuiltKernelOptions {
  /** More configuration, laid over the guest kernel's own; later ones win. */
  readonly fragments?: readonly string[];
  /** Build its twin with DWARF, which decodes the call chains of both. */
  readonly debugInfo?: boolean | undefined;
}

/**
 * An upstream release, built from its source with the guest kernel's configuration.
 *
 * @throws {UsageError} when no place has a source of that version that somebody vouches for.
 * @throws {InfraError} when the source is out of reach or the build fails.
 */
export async function provideRelease(
  version: string,
  context: Context,
  options: BuiltKernelOptions = {},
): Promise<StoreEntry> {
  const configuration = await guestConfiguration(context, options);
  const failures: string[] = [];
  for await (const source of releaseSources(version, context)) {
    try {
      return await store(
        {
          kind: "release",
          selector: version,
          name: version,
          identity: source.sha256,
          provenance: source.provenance,
          build: async (make, out, signal) => {
            const work = join(out, "work");
            const tarball = await fetchSource(source, { ...context, signal });
            const title = `unpack Linux ${version}`;
            await step(
              context.progress,
              title,
              async () => await unpackSource(tarball, join(work, "source"), signal),
            );
            const built = await make({ source: join(work, "source"), objects: join(work, "objects") });
            await rm(work, { recursive: true, force: true });
            return built;
          },
        },
        configuration,
        context,
      );
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      failures.push(error.message);
    }
  }
  throw new UnreachableError(failures.join("; "), { next: otherPlaces });
}

/**
 * A commit of a kernel tree on this machine, built in a tree of our own: the user's work tree and index stay
 * untouched. A second commit of the same tree compiles only what differs.
 *
 * @throws {UsageError} when there is no such tree or revision.
 * @throws {InfraError} when the build fails.
 */
export async function provideGitKernel(
  { tree, revision }: { tree: string; revision: string },
  context: Context,
  options: BuiltKernelOptions = {},
): Promise<StoreEntry> {
  const configuration = await guestConfiguration(context, options);
  const commit = await resolveCommit(tree, revision, context.signal);
  return await store(
    {
      kind: "git",
      selector: `git:${tree}@${commit}`,
      name: commit.slice(0, 12),
      identity: commit,
      provenance: `Linux at commit ${commit} of the git tree ${tree}.`,
      build: async (make, _out, signal) => {
        const { compiler } = configuration;
        const facts = { tree, configuration: formatOptions(configuration.options), compiler };
        await using buildTree = await openBuildTree(facts, { ...context, signal });
        const { source, objects, lock } = buildTree;
        const title = `check out ${commit.slice(0, 12)}`;
        await step(context.progress, title, async () => await buildTree.checkOut(commit, signal));
        const cache = await compilerCache({ ...context, signal });
        const build = async (incremental: boolean): Promise<Built> =>
          await make({ source, objects, lock, cache, incremental });
        let built: Built;
        try {
          built = await build(buildTree.isUsed);
        } catch (error) {
          signal.throwIfAborted();
          // Leftovers of another commit must not make this one seem broken; they are not what a compiler objects to.
          const isDoubtful = error instanceof BuildError && error.compilerError === undefined;
          if (!buildTree.isUsed || !isDoubtful) throw error;
          await buildTree.clean();
          built = await build(false);
        }
        await buildTree.keep();
        return built;
      },
    },
    configuration,
    context,
  );
}

interface BuildInput {
  readonly kind: "release" | "git";
  readonly selector: string;
  readonly name: string;
  /** What the source is: its sha256 or commit id. */
  readonly identity: string;
  readonly provenance: string;
  /** Get the source, and have it built in `out` or elsewhere. */
  readonly build: (make: Make, out: string, signal: AbortSignal) => Promise<Built>;
}

type Make = (
  place: Pick<BuildOptions, "source" | "objects" | "lock" | "cache" | "incremental">,
) => Promise<Built>;

interface GuestConfiguration {
  readonly options: readonly ConfigOption[];
  /** The options without debug information, where that was asked for. */
  readonly plain?: readonly ConfigOption[];
  readonly compiler: string;
}

async function guestConfiguration(
  context: Context,
  options: BuiltKernelOptions,
): Promise<GuestConfiguration> {
  const fragments = [...(await readFragments(context.settings.homeDir)), ...(options.fragments ?? [])];
  const compiler = await toolchain(context.signal);
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

async function store(
  input: BuildInput,
  configuration: GuestConfiguration,
  context: Context,
): Promise<StoreEntry> {
  const { name, kind, identity } = input;
  const { options, plain, compiler } = configuration;
  const text = formatOptions(options);
  const keyFor = (configuration: string): string =>
    builtKernelKey({ name, identity, configuration, compiler });
  const key = keyFor(text);
  return await kernelStore(context).findOrMake(
    key,
    {
      within: "2h",
      signal: context.signal,
      onWait: () =>
        context.progress({ type: "note", text: `another dstate is building Linux ${name}; waiting for it` }),
    },
    async (dir, signal) => {
      const fragments = keyOf(text);
      const alike = (await storedKernels(context)).find(({ about }) => about.fragments === fragments);
      const make: Make = async (place) =>
        await step(
          context.progress,
          `build Linux ${name}`,
          async (step) =>
            await buildKernel({
              ...place,
              out: dir,
              options: configuration.options,
              name,
              expected: alike?.about.objects,
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
        ...(plain === undefined ? {} : { debugInfoOf: keyFor(formatOptions(plain)) }),
        provenance: `${input.provenance} Built here with ${compiler}${plain === undefined ? "" : ", with debug information"}.`,
      } satisfies KernelAbout;
    },
  );
}
