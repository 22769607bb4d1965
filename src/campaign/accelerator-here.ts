import type { Context } from "../base/context.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { canOpenKvm, probeAccelerator } from "../machine/accelerator.ts";
import type { Accelerator } from "../machine/argv.ts";

/**
 * Which accelerator machines run under here. What is seen under one says little about the other: they order what
 * happens on several processors differently, and one is many times slower. While there is no kernel yet that could tell
 * whether a `/dev/kvm` that opens works, it is taken to.
 *
 * @example await acceleratorHere(context) // "tcg"
 */
export async function acceleratorHere(context: Context): Promise<Accelerator["type"]> {
  if (!(await canOpenKvm())) return "tcg";
  const kernel = await findCachedKernel(context);
  return kernel ? (await probeAccelerator(kernel, context)).accelerator.type : "kvm";
}
