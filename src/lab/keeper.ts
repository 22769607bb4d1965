import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DstateError, messageOf } from "../base/errors.ts";
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

/** Whoever is told what is done, and what could not be done. */
interface Watcher {
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** A line that stays. */
  readonly note: (text: string) => void;
}

/**
 * Keeps a trial's machine, if its outcome is worth it. That it cannot be kept is told, and never changes what the
 * trial comes to.
 */
export class Keeper {
  readonly #vm: Vm;
  readonly #folder: string;
  readonly #run: Watcher;
  #kept: KeptMachine | undefined;
  /** What failed once is not tried again: the machine has gone on since, and the reason has been told. */
  #failed = false;

  /** @param evidenceDir the trial's folder: the machine is kept in `kept` below it. */
  constructor(vm: Vm, evidenceDir: string, run: Watcher) {
    this.#vm = vm;
    this.#folder = join(evidenceDir, "kept");
    this.#run = run;
  }

  /** Keep it now, whatever the outcome will be. */
  async keep(): Promise<void> {
    if (this.#kept || this.#failed || this.#vm.machine.fatal?.kind === "exit") return;
    const { signal, say, note } = this.#run;
    say("keeping the machine");
    const start = performance.now();
    try {
      const { bytes } = await keepVm(this.#vm, this.#folder, { within: timeouts.make.kept, signal });
      this.#kept = { folder: this.#folder, bytes, took: Math.round(performance.now() - start) };
    } catch (error) {
      signal.throwIfAborted();
      this.#failed = true;
      note(`the machine was not kept: ${reasonOf(error)}`);
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

/** Why, and what its owner can do, in one line. */
function reasonOf(error: unknown): string {
  const next = error instanceof DstateError ? error.next : undefined;
  return next === undefined ? messageOf(error) : `${messageOf(error)}. ${next}`;
}
