import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { longStep } from "../../base/past-durations.ts";
import { keyOf, type StoreEntry, sayMadeAnew } from "../../base/store.ts";
import { NotThereError } from "../../base/store-errors.ts";
import { timeouts } from "../../base/timeouts.ts";
import { guestPlatform } from "../../platform/platforms.ts";
import { fetchFile } from "../../supply/fetch-file.ts";
import {
  choosePackagedKernel,
  isLine,
  type PackagedKernel,
  packagedKernels,
  unknownPackagedKernel,
} from "../choose-package.ts";
import { type KernelPackage, kernelIndex, snapshotIndex } from "../debian-index.ts";
import { type InitramfsRecipe, readInitramfsRecipe } from "../initramfs.ts";
import type { KernelAbout } from "../kernel.ts";
import { unpackDeb } from "../packaged.ts";
import { kernelStore, storedKernel, storedKernels } from "../stored.ts";
import { finishUnpacked } from "../unpacked-kernel.ts";
import { upstreamVersion } from "../version.ts";
import { after, type DebugImages, type KernelSelector, type KernelSource } from "./source.ts";

/** Raised when the code below makes something else of the same packages. */
const recipeVersion = 1;

/** A kernel package of Debian, unpacked without installing it, with an initramfs of ours. */
export const deb: KernelSource<"deb"> = {
  example: "deb:6.12.43",
  examples: "a Debian package's version (deb:6.12.43, or deb:6.1 for the newest of that line)",
  isBuilt: false,
  parse: (text) => {
    const rest = after("deb", text) ?? "";
    const [, version, at] = /^(\d+\.\d+[0-9A-Za-z.+~-]*)(?:@(\d{8}(?:T\d{6}Z)?))?$/.exec(rest) ?? [];
    return version === undefined ? undefined : { type: "deb", version, ...(at !== undefined && { at }) };
  },
  format: formatVersion,
  provide: async (selector, context) =>
    storedKernel(await provideDebianKernel(selector, context), formatVersion(selector)),
  // A revision of the package; else the newest that fits may be another one tomorrow.
  isFixed: ({ version, at }) => version.includes("-") || at !== undefined,
  nameInLedger: (selector) =>
    selector.version.includes("-") ? `deb:${selector.version}` : formatVersion(selector),
  releaseOf: ({ version }) => (/^\d+\.\d+\.\d+/.test(version) ? upstreamVersion(version) : undefined),
  debugImages: async ({ version }, context) => await debugImages(`deb:${version}`, context),
  list: ({ index }) =>
    packagedKernels(index?.packages ?? []).map(({ version, suite }) => ({
      selector: `deb:${version}`,
      version: upstreamVersion(version),
      source: `the signed index of ${suite}`,
    })),
};

async function debugImages(text: string, context: Context): Promise<DebugImages> {
  const packed = (await storedKernels(context)).filter(
    ({ about }) => about.selector === text || /^[.-]/.test(about.selector.split(text)[1] ?? ""),
  );
  const release = packed[0]?.about.version ?? "$(uname -r)";
  return {
    places: packed.map(({ about }) => ({ type: "installed", release: about.version })),
    otherwise: new UsageError(`this machine has no debug symbols of Debian's kernel ${text}`, {
      next: `Install the package linux-image-${release}-dbg, or name the file with --vmlinux.`,
    }),
  };
}

function formatVersion({ version, at }: Omit<KernelSelector<"deb">, "type">): string {
  return `deb:${version}${at === undefined ? "" : `@${at}`}`;
}

async function provideDebianKernel(
  { version, at }: KernelSelector<"deb">,
  context: Context,
): Promise<StoreEntry> {
  const kernel =
    at === undefined
      ? await findPackagedKernel(version, context)
      : findAmong(version, (await snapshotIndex(at, context)).packages);
  const recipe = await readInitramfsRecipe(context.settings);
  return await kernelStore(context).findOrMake(
    debianKernelKey(kernel, recipe),
    {
      within: timeouts.make.download,
      signal: context.signal,
      onCorrupt: sayMadeAnew(context),
      onWait: () =>
        context.progress({
          type: "note",
          text: `Debian's ${kernel.version} is being fetched already; waiting for it`,
        }),
    },
    async (dir, signal) => {
      const packages: string[] = [];
      for (const { name, version, file } of kernel.parts) {
        const fetched = {
          name: `${name}_${version}_${guestPlatform.debianArchitecture}.deb`,
          sha256: file.sha256,
          urls: async () => [file.url],
        };
        packages.push(await fetchFile(fetched, { ...context, signal }));
      }
      return await longStep(
        context,
        { title: `unpack Debian's Linux ${kernel.version}`, kind: "deb-unpack", guess: "15s" },
        async ({ update }) => {
          const work = join(dir, "work");
          const root = join(work, "root");
          await mkdir(root, { recursive: true });
          for (const path of packages) await unpackDeb(path, root, signal);
          const say = (detail: string): void => update({ detail });
          const finished = await finishUnpacked({ root, work, dir, recipe, signal, say });
          await rm(work, { recursive: true, force: true });
          return {
            kind: "deb",
            selector: `deb:${kernel.version}`,
            ...finished,
            provenance:
              `Debian's package ${kernel.parts.map(({ name }) => name).join(", ")} ${kernel.version} from ${kernel.suite}, ` +
              "sha256 from the suite's signed index.",
          } satisfies KernelAbout;
        },
      );
    },
  );
}

/** Names an unpacked kernel by its packages and by what our initramfs is made of. */
export function debianKernelKey(
  kernel: Pick<PackagedKernel, "version" | "parts">,
  { init, modules, busyboxSha256 }: Omit<InitramfsRecipe, "busybox">,
): string {
  const hashes = kernel.parts.map(({ file }) => file.sha256);
  return `deb-${kernel.version}-${keyOf([recipeVersion, hashes, init, modules, busyboxSha256])}`;
}

async function findPackagedKernel(wanted: string, context: Context): Promise<PackagedKernel> {
  const { takeOnly, cacheRegistry } = context.settings;
  const old = await kernelIndex(context, { age: "any" });
  // Nothing came out of an index yet that could be taken, and to read one takes longer than to know that.
  if (!old && takeOnly && cacheRegistry === undefined)
    throw new NotThereError(`deb:${wanted} is not in the cache: no index of Debian's was read yet`);
  // An exact version stays what it is: an index of any age will do, and no network is needed.
  if (!isLine(wanted)) {
    const found = old && choosePackagedKernel(wanted, packagedKernels(old.packages));
    if (found) return found;
  }
  const index = await kernelIndex(context, { age: "fresh" });
  return findAmong(wanted, index?.packages ?? []);
}

function findAmong(wanted: string, packages: readonly KernelPackage[]): PackagedKernel {
  const kernels = packagedKernels(packages);
  const chosen = choosePackagedKernel(wanted, kernels);
  if (!chosen) throw unknownPackagedKernel(wanted, kernels);
  return chosen;
}
