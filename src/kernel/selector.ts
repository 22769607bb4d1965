import { UsageError } from "../base/errors.ts";

/** Which kernel a user means, as they write it on the command line or in a repro's axis. */
export type KernelSelector =
  /** An upstream release, built from its pristine source. */
  | { readonly type: "release"; readonly version: string }
  /** A kernel package of Debian: an upstream version, a full Debian version, or a line such as `6.1`. */
  | { readonly type: "deb"; readonly version: string }
  /** A commit of a kernel tree on this machine. */
  | { readonly type: "git"; readonly tree: string; readonly revision: string }
  /** A vmlinux or bzImage that is already there. */
  | { readonly type: "file"; readonly path: string }
  /** A kernel of nixpkgs. */
  | { readonly type: "nix"; readonly version: string };

const release = /^\d+\.\d+(\.\d+)?(-rc\d+)?$/;
const debian = /^\d+\.\d+[0-9A-Za-z.+~-]*$/;

/**
 * Read a kernel selector.
 *
 * @throws {UsageError} when the text is none, with examples of what is.
 * @example parseKernelSelector("deb:6.12.43") // { type: "deb", version: "6.12.43" }
 */
export function parseKernelSelector(text: string): KernelSelector {
  if (release.test(text)) return { type: "release", version: text };
  const [, kind, rest = ""] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  switch (kind) {
    case "deb":
      if (debian.test(rest)) return { type: "deb", version: rest };
      break;
    case "nix":
      if (release.test(rest)) return { type: "nix", version: rest };
      break;
    case "file":
      if (rest !== "") return { type: "file", path: rest };
      break;
    case "git": {
      // A reflog entry such as main@{1} has an @ of its own.
      const at = /^(?<tree>.+)@(?!\{)(?<revision>[^@]+(?:@\{[^}]*\})?)$/s.exec(rest);
      const { tree, revision } = at?.groups ?? {};
      if (tree && revision && !revision.startsWith("-")) return { type: "git", tree, revision };
      break;
    }
  }
  throw new UsageError(`"${text}" names no kernel`, {
    next:
      "Write an upstream release (6.1.115), a Debian package's version (deb:6.12.43, or deb:6.1 for the newest " +
      "of that line), a commit (git:/path@REV), a file (file:/path/bzImage) or a nixpkgs version (nix:6.6.58).",
  });
}

/**
 * A selector as a user would write it; {@link parseKernelSelector} reads it back.
 *
 * @example formatKernelSelector({ type: "git", tree: "/src/linux", revision: "v6.1" }) // "git:/src/linux@v6.1"
 */
export function formatKernelSelector(selector: KernelSelector): string {
  switch (selector.type) {
    case "release":
      return selector.version;
    case "deb":
    case "nix":
      return `${selector.type}:${selector.version}`;
    case "git":
      return `git:${selector.tree}@${selector.revision}`;
    case "file":
      return `file:${selector.path}`;
  }
}
