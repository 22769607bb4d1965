import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { keepVm } from "./kept.ts";
import type { Vm } from "./vm.ts";

/** A machine that was kept: its folder has `kept.json`. */
export interface KeptMachine {
  readonly folder: string;
  /** Of all its files. */
  readonly bytes: number;
  /** Milliseconds that it stood still for it. */
  readonly took: number;
}

/**
 * Keeps a trial's machine, if its outcome is worth it. That it cannot be kept is told, and never changes what the
 * trial comes to.
 */
export class Keeper {
  readonly #vm: Vm;
  readonly #folder: string;
  readonly #run: { readonly signal: AbortSignal; readonly say: (text: string) => void };
  #kept: KeptMachine | undefined;

  /** @param evidenceDir the trial's folder: the machine is kept in `kept` below it. */
  constructor(vm: Vm, evidenceDir: string, run: { signal: AbortSignal; say: (text: string) => void }) {
    this.#vm = vm;
    this.#folder = join(evidenceDir, "kept");
    this.#run = run;
  }

  /** Keep it now, whatever the outcome will be. */
  async keep(): Promise<void> {
    if (this.#kept || this.#vm.machine.fatal?.kind === "exit") return;
    const { signal, say } = this.#run;
    say("keeping the machine");
    const start = performance.now();
    try {
      const { bytes } = await keepVm(this.#vm, this.#folder, { within: timeouts.make.kept, signal });
      this.#kept = { folder: this.#folder, bytes, took: Math.round(performance.now() - start) };
    } catch (error) {
      signal.throwIfAborted();
      say(`the machine was not kept: ${messageOf(error)}`);
    }
  }

  /** What stays kept, now that the outcome is known. */
  async decide(
    outcome: "clean" | "reproduced" | "inconclusive",
    wish: boolean | (() => Promise<boolean>) | undefined,
  ): Promise<KeptMachine | undefined> {
    if (outcome === "clean") {
      this.#kept = undefined;
      await rm(this.#folder, { recursive: true, force: true });
    } else if (wish === true || (outcome === "reproduced" && typeof wish === "function" && (await wish()))) {
      await this.keep();
    }
    return this.#kept;
  }
}
