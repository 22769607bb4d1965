import type { Progress } from "../../src/base/progress.ts";
import { openVm, type Size, type Vm } from "../../src/index.ts";

/** The kernel that the tests of machines and guests run on: the one the main repro needs anyway. */
export const kernel = "6.1.129";

/** A machine for tests, with Node in the guest. */
export async function bootVm(
  options: { kernel?: string; memory?: Size; cold?: boolean; progress?: Progress } = {},
): Promise<Vm> {
  return await openVm({ kernel, node: "20.9.0", npm: "10.1.0", name: "test-vm", ...options });
}
