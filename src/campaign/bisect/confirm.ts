import { DeadlineError, InfraError, messageOf, UsageError } from "../../base/errors.ts";
import { changeKernel } from "../../kernel/selector.ts";
import type { Cell } from "../../lab/cell.ts";
import type { Outcome } from "../../repro/outcome.ts";
import type { Tries } from "../tries.ts";
import type { Direction } from "./direction.ts";

/** What became of an answer's last test: the right end without the commit that was found. */
export type Confirmation =
  /** Without it the right end is what it should be. */
  | { readonly type: "confirmed"; readonly trials: number }
  /** Without it the right end is what it was. */
  | { readonly type: "refuted"; readonly trials: number }
  | { readonly type: "open"; readonly trials: number; readonly why: string };

/** An unconfirmed answer keeps a chance of one in twenty to look confirmed. */
const doubt = 0.05;
const most = 20;

/**
 * Take the commit that was found back on the right end. What broke it, taken back, leaves a good one: as many clean
 * trials as a bad one would hardly ever give. What mended it, taken back, leaves a bad one: one reproduction proves it.
 *
 * @param end the right end's cell. @param commit what was found.
 * @param rate at which a bad one reproduces.
 */
export async function confirmAnswer(
  { end, commit, rate, direction }: { end: Cell; commit: string; rate: number; direction: Direction },
  tries: Pick<Tries, "run">,
): Promise<Confirmation> {
  const needed = Math.min(most, Math.max(1, Math.ceil(Math.log(doubt) / Math.log1p(-Math.min(rate, 0.999)))));
  let [trials, clean] = [0, 0];
  try {
    const cell = { ...end, kernel: changeKernel(end.kernel, `+revert=${commit}`) };
    while (clean < needed && trials < 2 * most) {
      const { outcome }: { outcome: Outcome } = await tries.run(cell, { candidate: "without the answer" });
      trials += 1;
      if (outcome === "reproduced") return { type: direction === "mended" ? "confirmed" : "refuted", trials };
      if (outcome === "clean") clean += 1;
    }
  } catch (error) {
    // A commit that later ones build on cannot be taken back: that says nothing about the answer.
    if (error instanceof InfraError || error instanceof UsageError || error instanceof DeadlineError)
      return { type: "open", trials, why: messageOf(error).split("\n")[0] ?? "" };
    throw error;
  }
  if (clean < needed) return { type: "open", trials, why: "its trials cannot be judged" };
  return { type: direction === "mended" ? "refuted" : "confirmed", trials };
}
