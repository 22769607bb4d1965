import { type Size, toBytes } from "../base/size.ts";

/** How large a machine is. */
export interface MachineShape {
  /** Virtual processors. */
  readonly cpus?: number | undefined;
  readonly memory?: Size | undefined;
}

/** A machine that nobody asked to be otherwise: two processors show races, and 1 GiB holds `npm ci`. */
export const defaultShape = { cpus: 2, memory: "1GiB" } as const satisfies MachineShape;

/**
 * The numbers of a shape, with the default for what is not said. Memory is in bytes.
 *
 * @example shapeOf({ memory: "2GiB" }) // { cpus: 2, memory: 2147483648 }
 */
export function shapeOf(shape: MachineShape = {}): { readonly cpus: number; readonly memory: number } {
  return {
    cpus: shape.cpus ?? defaultShape.cpus,
    memory: toBytes(shape.memory ?? defaultShape.memory),
  };
}
