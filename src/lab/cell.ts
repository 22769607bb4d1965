import { UsageError } from "../base/errors.ts";
import { type ImageKind, imageKinds } from "../base/settings.ts";
import { changeKernel } from "../kernel/selector.ts";

/** One point in a matrix: what a trial runs on. Every value is what the user's selector said. */
export interface Cell {
  /** Kernel selector, such as `6.1.115` or `deb:6.12.43`. */
  readonly kernel: string;
  /** Node version; undefined: the workload needs no Node. */
  readonly node: string | undefined;
  /** Environment of the workload. */
  readonly env: Readonly<Record<string, string>>;
  readonly image: ImageKind;
  /** The repro's own axes, by name. */
  readonly axes: Readonly<Record<string, string>>;
}

/** What a repro can vary. `kernel`, `node` and `env` mean the same everywhere; other names are the repro's own. */
export interface Axes {
  readonly kernel: readonly [string, ...string[]];
  readonly node?: readonly [string, ...string[]] | undefined;
  readonly env?:
    | readonly [Readonly<Record<string, string>>, ...Readonly<Record<string, string>>[]]
    | undefined;
  readonly own?: Readonly<Record<string, readonly [string, ...string[]]>> | undefined;
  /** Which of its own axes also take the path of a file of the user's, such as a seccomp profile. */
  readonly files?: readonly string[] | undefined;
  /** The kernel and Node that come first in guests of a kind, where others are nearer to the report's own machine. */
  readonly images?:
    | Readonly<
        Partial<
          Record<ImageKind, { readonly kernel?: string | undefined; readonly node?: string | undefined }>
        >
      >
    | undefined;
}

/** A cell as somebody asks for it: what is not said is the first value of the repro's axis. */
export interface CellChoice {
  readonly kernel?: string | undefined;
  /** What the kernel is built with, taken back or patched, as it stands at the end of a selector: `+lockdep`. */
  readonly kernelChanges?: string | undefined;
  readonly node?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly image?: Cell["image"] | undefined;
  readonly axes?: Readonly<Record<string, string>> | undefined;
}

/**
 * Complete a choice with the first value of each axis.
 *
 * @param settings what guests are where nothing is said, such as the settings that the environment gives.
 * @throws {UsageError} for an axis that the repro does not have.
 * @example chooseCell({ kernel: ["6.1.115"], node: ["20.9.0"] }, {}).kernel // "6.1.115"
 */
export function chooseCell(
  axes: Axes,
  choice: CellChoice,
  settings: { readonly image?: Cell["image"] | undefined } = {},
): Cell {
  const own = axes.own ?? {};
  for (const [name, value] of Object.entries(choice.axes ?? {})) {
    const values = own[name];
    if (!values) {
      const known = Object.keys(own);
      throw new UsageError(`this repro has no axis "${name}"`, {
        next:
          known.length === 0
            ? "Its axes are kernel, node and env."
            : `Its own axes are: ${known.join(", ")}.`,
      });
    }
    const takesFile = axes.files?.includes(name) === true;
    if (!values.includes(value) && !(takesFile && value.includes("/"))) {
      throw new UsageError(`the axis "${name}" has no value "${value}"`, {
        next: `Its values are: ${values.join(", ")}${takesFile ? ", and the path of a file, such as ./mine.json" : ""}.`,
      });
    }
  }
  const chosen = Object.entries(own).map(
    ([name, values]) => [name, choice.axes?.[name] ?? values[0]] as const,
  );
  const image = choice.image ?? settings.image ?? imageKinds[0];
  const nearest = axes.images?.[image];
  return {
    kernel: changeKernel(choice.kernel ?? nearest?.kernel ?? axes.kernel[0], choice.kernelChanges ?? ""),
    node: choice.node ?? nearest?.node ?? axes.node?.[0],
    env: choice.env ?? axes.env?.[0] ?? {},
    image,
    axes: Object.fromEntries(chosen),
  };
}

/**
 * A cell as people read it.
 *
 * @example describeCell(cell) // "kernel 6.1.115, node 20.9.0, UV_USE_IO_URING=0"
 */
export function describeCell(cell: Cell): string {
  return [
    `kernel ${shortKernel(cell.kernel)}`,
    ...(cell.node === undefined ? [] : [`node ${cell.node}`]),
    ...(cell.image === imageKinds[0] ? [] : [`image ${cell.image}`]),
    ...Object.entries(cell.env).map(([name, value]) => `${name}=${value}`),
    ...Object.entries(cell.axes).map(([name, value]) => `${name} ${value}`),
  ].join(", ");
}

/** A commit's full id and its tree's whole path fill a line; the JSON has them. */
function shortKernel(selector: string): string {
  return selector.replace(
    /^git:.*?([^/]*)@([0-9a-f]{40})(\+.*)?$/,
    (_whole, tree: string, id: string, changes = "") => `git:${tree}@${id.slice(0, 12)}${changes}`,
  );
}
