import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "vitest";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import type { Vm } from "../lab/vm.ts";
import { readRun } from "../record/read-run.ts";
import type { Run, RunningTrial } from "../record/run.ts";
import { writePage } from "../report/page/write.ts";
import { EvidenceCollector } from "../repro/collect-evidence.ts";
import { openEvidence } from "../repro/evidence.ts";
import { describeFailure } from "./failure.ts";

/** What vitest's reports call what comes from here. */
const annotation = "dstate";

/** An attempt of a test with a machine: its run, and what it leaves behind when it fails. */
export class Attempt {
  readonly vm: Vm;
  readonly #run: Run;
  readonly #trial: RunningTrial;
  #isCollected = false;

  constructor(vm: Vm, run: Run, trial: RunningTrial) {
    this.vm = vm;
    this.#run = run;
    this.#trial = trial;
  }

  /**
   * It failed, and its machine still runs: ask that, and put what it tells into the error and into vitest's own
   * annotations, which every reporter of vitest has, also for an attempt that another one made good. Its page and its
   * console are attached.
   */
  async failed(
    given: TestContext,
    error: unknown,
    options: { readonly memoryDump?: boolean | undefined; readonly context: Context },
  ): Promise<void> {
    const { context } = options;
    await this.#collect({ signal: context.signal, memoryDump: options.memoryDump });
    await this.#trial.ended({ outcome: "failed", summary: messageOf(error) });
    const told = await describeFailure(this.#run.dir);
    // zx's errors have messages of their own making: what the machine tells stands in the annotations alone then.
    if (error instanceof Error) Reflect.set(error, "message", `${error.message}\n\n${told.join("\n")}`);
    const { retry, result } = given.task;
    const prefix = retry ? `attempt ${(result?.retryCount ?? 0) + 1}: ` : "";
    for (const line of told) await given.annotate(`${prefix}${line}`, annotation);
    const console = join(this.#run.dir, "console.log");
    if ((await stat(console).catch(() => undefined))?.size)
      await given.annotate(`${prefix}the console`, annotation, { path: console, contentType: "text/plain" });
    try {
      const page = join(this.#run.dir, "index.html");
      await writePage(await readRun(this.#run.dir), page, context);
      await given.annotate(`${prefix}the page`, annotation, { path: page, contentType: "text/html" });
    } catch (cause) {
      context.signal.throwIfAborted();
      await given.annotate(`${prefix}no page: ${messageOf(cause)}`, annotation);
    }
  }

  /** It is over; `errors` is what vitest knows of it, also what was expected softly and threw nothing. */
  async ended(
    errors: readonly { readonly message: string }[],
    options: { readonly memoryDump?: boolean | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    if (errors.length > 0 && !options.signal.aborted) await this.#collect(options);
    await this.#trial.ended({
      outcome: errors.length === 0 ? "passed" : "failed",
      summary: errors.map(({ message }) => message).join("\n"),
    });
    await this.#run.finish();
  }

  async #collect(options: {
    readonly signal: AbortSignal;
    readonly memoryDump?: boolean | undefined;
  }): Promise<void> {
    if (this.#isCollected) return;
    this.#isCollected = true;
    await new EvidenceCollector(this.vm, await openEvidence(this.#run.dir), options).collect("full");
  }
}
