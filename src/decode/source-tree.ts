import { join } from "node:path";

/** Where the source of a kernel can be looked at. */
export type SourceTree =
  /** An upstream release: kernel.org has it. */
  | { readonly type: "release"; readonly version: string }
  /** A git tree on this machine. */
  | { readonly type: "git"; readonly tree: string; readonly commit: string }
  /** A kernel whose source is not public, or not known. */
  | { readonly type: "unknown" };

/**
 * The source of a kernel by what it calls itself: known for upstream's own names only.
 *
 * @example sourceOfRelease("6.1.115") // { type: "release", version: "6.1.115" }
 * @example sourceOfRelease("6.1.0-56-amd64") // { type: "unknown" }
 */
export function sourceOfRelease(release: string): SourceTree {
  const match = /^(\d+\.\d+)(\.\d+)?(-rc\d+)?$/.exec(release);
  if (!match?.[1]) return { type: "unknown" };
  // The first release of a line calls itself 6.1.0 and is tagged v6.1.
  const patch = match[2] === ".0" ? "" : (match[2] ?? "");
  return { type: "release", version: `${match[1]}${patch}${match[3] ?? ""}` };
}

/**
 * A link to a line of the source: for a browser, or `path:line` for an editor.
 *
 * @example linkTo({ type: "release", version: "6.1.115" }, "io_uring/tctx.c", 169)
 */
export function linkTo(tree: SourceTree, file: string, line: number): string | undefined {
  switch (tree.type) {
    case "release": {
      const path = file.split("/").map(encodeURIComponent).join("/");
      return `https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git/tree/${path}?h=v${tree.version}#n${line}`;
    }
    case "git":
      return `${join(tree.tree, file)}:${line}`;
    case "unknown":
      return undefined;
  }
}
