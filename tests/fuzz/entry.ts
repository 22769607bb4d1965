// What the fuzzer loads, bundled into one file: it instruments that.
import { allow, targets } from "./targets.ts";

const name = process.env.FUZZ_TARGET ?? "";
const target = targets[name];
if (!target) throw new Error(`there is no target ${name}: ${Object.keys(targets).join(", ")}`);

export function fuzz(bytes: Buffer): void {
  allow(() => target?.run(bytes));
}
