import { formatBytes } from "../base/size.ts";
import type { CachedKernel, KernelList } from "../kernel/list.ts";
import { renderTable } from "./table.ts";

/** The series of a version or a selector. @example seriesOf("deb:6.12.43-1~bpo12+1") // "6.12" */
export function seriesOf(text: string): string {
  return /(\d+\.\d+)/.exec(text)?.[1] ?? "other";
}

/** The kernels of the cache one by one, and of those that can be had a line for each series. */
export function renderKernels(list: KernelList, options: { readonly width: number }): string {
  const all = [...list.releases, ...list.packages];
  const series = [...new Set(all.map(({ version }) => seriesOf(version)))];
  const rows = series.map((name) => [
    name,
    ...[list.releases, list.packages].map((kernels) =>
      spanOf(kernels.filter(({ version }) => seriesOf(version) === name).map(({ selector }) => selector)),
    ),
  ]);
  return [
    "In the cache:",
    list.cached.length === 0
      ? "nothing yet"
      : renderTable(["--kernel", "size", "made"], list.cached.map(cachedRow), options),
    "Can be had (all of a series: `dstate kernels list 6.1`; of all: --all):",
    renderTable(["series", "built here, from source", "prebuilt by Debian"], rows, options),
  ].join("\n");
}

/** Every kernel, or every one of a series, a line each. */
export function renderAllKernels(
  list: KernelList,
  options: { readonly width: number; readonly series?: string | undefined },
): string {
  const { series } = options;
  const isAsked = ({ version }: { readonly version: string }): boolean =>
    series === undefined || seriesOf(version) === series;
  const rows = [
    ...list.cached
      .filter(isAsked)
      .map((kernel) => [kernel.selector, `in the cache, ${sizeOf(kernel)}`, kernel.provenance]),
    ...list.releases.filter(isAsked).map((kernel) => [kernel.selector, "source", kernel.source]),
    ...list.packages.filter(isAsked).map((kernel) => [kernel.selector, "prebuilt", kernel.source]),
  ];
  return rows.length === 0
    ? `There is no kernel of the series ${series}; \`dstate kernels\` lists the series there are.`
    : renderTable(["--kernel", "state", "from"], rows, options);
}

function cachedRow(kernel: CachedKernel): string[] {
  return [kernel.selector, sizeOf(kernel), kernel.createdAt.slice(0, 10)];
}

function sizeOf({ bytes, debugInfo }: CachedKernel): string {
  return `${formatBytes(bytes)}${debugInfo ? ", with debug information" : ""}`;
}

/** @example spanOf(["6.1.4", "6.1.8", "6.1.106"]) // "6.1.4 to 6.1.106, 3 in all" */
function spanOf(selectors: readonly string[]): string {
  const [first, ...rest] = selectors;
  const last = rest.at(-1);
  if (first === undefined) return "";
  if (last === undefined) return first;
  return rest.length === 1 ? `${first}, ${last}` : `${first} to ${last}, ${selectors.length} in all`;
}
