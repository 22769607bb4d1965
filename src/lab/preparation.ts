import type { Context } from "../base/context.ts";
import type { Cell } from "./cell.ts";

/** What host-side preparation of a workload is handed. */
export interface PrepareContext extends Context {
  readonly cell: Cell;
  /** An empty folder: what is in it afterwards is in the guest at `/srv/work`, beside the workload's files. */
  readonly dir: string;
}

/** Files that are made on the host for a workload, such as a program that is compiled or a package cache. */
export interface Preparation {
  /** Everything the result depends on beyond the workload's own files; it names the cached result. */
  readonly key: (cell: Cell) => unknown;
  readonly make: (context: PrepareContext) => Promise<void>;
}

/** What a cell's machine is made from, beyond what the cell names: a repro is one, a test's options are another. */
export interface PartsRequest {
  /** Names the workload in messages and in the cache. */
  readonly id: string;
  /** Version of npm to go with the Node of the cell. */
  readonly npm?: string | ((node: string) => string | undefined) | undefined;
  /** Folder whose files the guest finds in `/srv/work`. */
  readonly workload?: URL | undefined;
  readonly prepare?: Preparation | undefined;
  /** Kernel configuration for a cell, such as `CONFIG_MEMBARRIER=n`: for kernels that are built here. */
  readonly kernelFragments?: ((cell: Cell) => readonly string[]) | undefined;
  /** Another NixOS system than the plain guest, for the image `nixos`: `image-<name>` of flake.nix. */
  readonly nixosSystem?: ((cell: Cell) => string | undefined) | undefined;
  /** Looks at a cell before anything is fetched or booted: throws a UsageError for a value that cannot be used. */
  readonly check?: ((cell: Cell, context: Context) => Promise<unknown>) | undefined;
}
