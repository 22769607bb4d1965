import type { Progress } from "./progress.ts";
import type { Settings } from "./settings.ts";

/** What every long operation is handed: where things live, who watches, and when to stop. */
export interface Context {
  readonly settings: Settings;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}
