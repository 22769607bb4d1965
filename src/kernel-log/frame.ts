import type { Frame } from "./finding.ts";

const name = "[A-Za-z_$.<][\\w.$@:<>]*";
const addresses = /^(?:(?:\[<[0-9a-fA-F]+>\]|\[[0-9a-f]{8,16}\]|\(\[<[0-9a-f]+>\])\s*)+/;
const markers = /^(?:<\/?[A-Z#][A-Za-z0-9#]*>\s*|<<[A-Z]+>>\s*)+/;
/** An emulated serial line now and then prints a character twice, so `+0x1/00x2` is one, too. */
const sized = new RegExp(
  `^(\\? +)?(?:\\([A-Z]\\) +)?(${name})\\++0+x+([0-9a-f]{1,8})/+0+x+([0-9a-f]{1,8})(?:\\s*\\[([\\w-]+)(?:\\(\\w+\\))?(?: [0-9a-f]{6,64})?\\])?(?:\\(\\))?\\)?(?: \\((?:unreliable|[A-Z]{1,3})\\))?(?:\\s+([\\w./+<>-]+:\\d+))?(?:\\s+\\[inline\\])?(?:\\s+\\(discriminator \\d+\\))?\\s*$`,
);
const inlined = /^(\? +)?([A-Za-z_][\w.]*)\s+([\w./+-]+\.(?:[chS]|rs|cc):\d+)(?:\s+\[inline\])?\s*$/;
const arm = new RegExp(
  `^\\(?(${name})(?:\\+0x[0-9a-f]+/0x[0-9a-f]+)?(?: \\[[^\\]]*\\])?\\)? from (?:\\[<[0-9a-f]+>\\] ?)?\\(?(${name})\\+0x([0-9a-f]{1,8})/0x([0-9a-f]{1,8})(?: \\[([\\w-]+)[^\\]]*\\])?\\)?`,
);

/**
 * Read a line of a call trace, without its prefix. 32-bit arm prints callee and caller in one line; both come back.
 *
 * @returns the frames, innermost first; none when the line is not one of a call trace.
 * @see https://github.com/torvalds/linux/blob/master/arch/x86/kernel/dumpstack.c
 * @example readFrames("[<ffffffff81012345>] ? foo+0x1/0x20 [ext4]")
 */
export function readFrames(line: string): Frame[] {
  if (line.length > 1000) return [];
  if (!line.includes("+0") && !line.includes(":")) return [];
  let text = line.trim().replace(markers, "").replace(addresses, "").replace(markers, "");
  if (text.startsWith("? [<")) text = text.slice(2).replace(addresses, "? ");
  const match = sized.exec(text);
  if (match) {
    return [
      {
        function: match[2] ?? "",
        offset: Number.parseInt(match[3] ?? "", 16),
        size: Number.parseInt(match[4] ?? "", 16),
        ...(match[5] === undefined ? {} : { module: match[5] }),
        reliable: match[1] === undefined,
        ...(match[6] === undefined ? {} : { file: match[6] }),
      },
    ];
  }
  const inline = inlined.exec(text);
  if (inline) {
    return [{ function: inline[2] ?? "", reliable: inline[1] === undefined, file: inline[3] ?? "" }];
  }
  const pair = text.includes(" from ") ? arm.exec(text) : null;
  if (pair) {
    return [
      { function: pair[1] ?? "", reliable: true },
      {
        function: pair[2] ?? "",
        offset: Number.parseInt(pair[3] ?? "", 16),
        size: Number.parseInt(pair[4] ?? "", 16),
        ...(pair[5] === undefined ? {} : { module: pair[5] }),
        reliable: true,
      },
    ];
  }
  return [];
}

/** Rust's mangling (v0) is left as it is; what the compiler appended to a C function is cut off. */
const suffix =
  /(?:\.(?:isra|constprop|part|cold|llvm|cfi|cfi_jt|lto_priv|localalias|clone|ipa|ra|resume|destroy)(?:\.\d+)*|\.\d+)+$/;

/**
 * A function's name without what the compiler added to it.
 *
 * @example plainName("__call_rcu.constprop.76") // "__call_rcu"
 */
export function plainName(name: string): string {
  const plain = name.replace(/^\./, "").replace(suffix, "");
  return plain === "" ? name : plain;
}
