import { readLine } from "../kernel-lines/line.ts";
import { firstFormat, panicLine } from "./formats/index.ts";
import { traitsOf } from "./kinds.ts";
import { trigger } from "./triggers.ts";

/**
 * Whether a console line says, all by itself, that the kernel crashed. Hung tasks and warnings are no crash: the
 * guest goes on.
 *
 * @example crashIn("[    1.0] Kernel panic - not syncing: VFS: Unable to mount root") // "panic"
 */
export function crashIn(line: string): "panic" | "oops" | undefined {
  if (!trigger.test(line)) return undefined;
  for (const part of readLine(line, 1)) {
    if (panicLine.test(part.text)) return "panic";
    const format = firstFormat(part);
    if (format && !format.confirm && traitsOf(format.kind).fatal) return "oops";
  }
  return undefined;
}
