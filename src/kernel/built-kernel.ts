import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { step } from "../base/progress.ts";
import { keyOf, type StoreEntry } from "../base/store.ts";
import { buildKernel, toolchain, unpackSource } from "./build.ts";
import { type ConfigOption, formatOptions, mergeFragments, readFragments } from "./configuration.ts";
import { otherPlaces, UnreachableError } from "./download.ts";
import { exportCommit, resolveCommit } from "./git-tree.ts";
import type { KernelAbout } from "./kernel.ts";
import { fetchSource, releaseSources } from "./source.ts";
import { kernelStore, storedKernels } from "./stored.ts";

export interface BuiltKernelOptions {
  /** More configuration, laid over the guest kernel's own; later ones win. */
  readonly fragments?: readonly string[];
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
      return await build(
        {
          kind: "release",
          selector: version,
          name: version,
          identity: source.sha256,
          provenance: source.provenance,
          unpack: async (to, signal) => {
            const tarball = await fetchSource(source, { ...context, signal });
            const title = `unpack Linux ${version}`;
            await step(context.progress, title, async () => await unpackSource(tarball, to, signal));
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
 * A commit of a kernel tree on this machine, built from an export of it: the tree and its index stay untouched.
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
  return await build(
    {
      kind: "git",
      selector: `git:${tree}@${commit}`,
      name: commit.slice(0, 12),
      identity: commit,
      provenance: `Linux at commit ${commit} of the git tree ${tree}.`,
      unpack: async (to, signal) => {
        await step(
          context.progress,
          `export ${commit.slice(0, 12)}`,
          async () => await exportCommit({ tree, commit, to, signal }),
        );
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
  readonly unpack: (to: string, signal: AbortSignal) => Promise<void>;
}

interface GuestConfiguration {
  readonly options: readonly ConfigOption[];
  readonly compiler: string;
}

async function guestConfiguration(
  context: Context,
  options: BuiltKernelOptions,
): Promise<GuestConfiguration> {
  const fragments = [...(await readFragments(context.settings.homeDir)), ...(options.fragments ?? [])];
  return { options: mergeFragments(fragments), compiler: await toolchain(context.signal) };
}

async function build(
  input: BuildInput,
  configuration: GuestConfiguration,
  context: Context,
): Promise<StoreEntry> {
  const { name, kind, identity } = input;
  const text = formatOptions(configuration.options);
  const key = `${name}-${keyOf({ identity, text, compiler: configuration.compiler, arch: "x86_64" })}`;
  return await kernelStore(context).findOrMake(
    key,
    {
      within: "2h",
      signal: context.signal,
      onWait: () =>
        context.progress({ type: "note", text: `another dstate is building Linux ${name}; waiting for it` }),
    },
    async (dir, signal) => {
      const work = join(dir, "work");
      await mkdir(work);
      await input.unpack(join(work, "source"), signal);
      const fragments = keyOf(text);
      const alike = (await storedKernels(context)).find(({ about }) => about.fragments === fragments);
      const built = await step(
        context.progress,
        `build Linux ${name}`,
        async (step) =>
          await buildKernel({
            source: join(work, "source"),
            objects: join(work, "objects"),
            out: dir,
            options: configuration.options,
            name,
            expected: alike?.about.objects,
            failureLog: join(context.settings.logsDir, `kernel-build-${key}.log`),
            step,
            signal,
          }),
      );
      await rm(work, { recursive: true, force: true });
      return {
        kind,
        selector: input.selector,
        version: built.version,
        boot: "vmlinux",
        vmlinux: "vmlinux",
        config: "config",
        objects: built.objects,
        fragments,
        provenance: `${input.provenance} Built here with ${configuration.compiler}.`,
      } satisfies KernelAbout;
    },
  );
}
