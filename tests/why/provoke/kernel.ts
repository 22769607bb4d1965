import { fileURLToPath } from "node:url";
import type { Context } from "../../../src/base/context.ts";
import { provideKernel } from "../../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../../src/kernel/selector.ts";

const patch = fileURLToPath(new URL("./provoke.patch", import.meta.url));

/** The flagship's kernel with lockdep, and with our own module: a selector of what is built once, and kept. */
export async function provokingKernel(context: Context): Promise<string> {
  const selector = parseKernelSelector(`6.1.115+lockdep+patch=${patch}`);
  // One build serves as the kernel that runs, and as its debug information.
  const { boot } = await provideKernel(selector, context, { debugInfo: true });
  return `file:${boot}`;
}
