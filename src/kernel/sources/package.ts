import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";
import type { PackageFormat } from "../distributions/table.ts";
import { storePackaged } from "../packaged.ts";
import { storedKernel } from "../stored.ts";
import { after, type KernelSelector, type KernelSource } from "./source.ts";

/** The word for each format, and how the name of a file of it ends. */
const formats: Readonly<Record<PackageFormat, { readonly word: string; readonly ending: RegExp }>> = {
  apt: { word: "deb", ending: /\.deb$/ },
  rpm: { word: "rpm", ending: /\.rpm$/ },
  apk: { word: "apk", ending: /\.apk$/ },
  arch: { word: "arch", ending: /\.pkg\.tar(\.\w+)?$/ },
};

/** Packages of a kernel that are there already, unpacked without installing them, with an initramfs of ours. */
export const packageFiles: KernelSource<"package"> = {
  example: "rpm:./kernel.rpm",
  examples: "packages' files (rpm:./kernel.rpm, apk:..., deb:./..., arch:./...)",
  isBuilt: false,
  parse: (text) => {
    for (const format of ["apt", "rpm", "apk", "arch"] as const) {
      const rest = after(formats[format].word, text);
      const [first, ...others] = rest?.split(/,(?=\.{0,2}\/)/) ?? [];
      // What has no slash may be a version.
      if (first?.includes("/") && formats[format].ending.test(first))
        return { type: "package", format, paths: [first, ...others] };
    }
    return undefined;
  },
  format: formatFiles,
  provide: async (selector, context) => {
    const { format, paths } = selector;
    const [first, ...others] = paths;
    const fileOf = async (given: string): Promise<{ name: string; path: string }> => {
      const path = resolve(given);
      if (
        await stat(path).then(
          (found) => found.isFile(),
          () => false,
        )
      )
        return { name: given, path };
      throw new UsageError(`the package ${path} cannot be read`, {
        next: `Check the path after ${formats[format].word}:.`,
      });
    };
    const files = [await fileOf(first)] as [
      { name: string; path: string },
      ...{ name: string; path: string }[],
    ];
    for (const other of others) files.push(await fileOf(other));
    const title = basename(first);
    const entry = await storePackaged(
      {
        format,
        files,
        title,
        selector: formatFiles(selector),
        name: formats[format].word,
        provenance: `The packages ${paths.join(", ")} of this machine, whose signatures were not checked.`,
      },
      context,
    );
    return storedKernel(entry, formatFiles(selector));
  },
  isFixed: () => false,
  nameInLedger: formatFiles,
  releaseOf: () => undefined,
  debugImages: async (selector) => ({
    places: [],
    otherwise: new UsageError(`where debug symbols of ${formatFiles(selector)} are is not known here`, {
      next: "Install the distribution's package of them, and name the file with --vmlinux.",
    }),
  }),
  list: () => [],
};

function formatFiles({ format, paths }: Omit<KernelSelector<"package">, "type">): string {
  return `${formats[format].word}:${paths.join(",")}`;
}
