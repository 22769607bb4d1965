import { nameCell, recordTrial } from "../../src/campaign/record-trial.ts";
import type { OpenTries } from "../../src/campaign/tries.ts";
import { type Cell, describeCell } from "../../src/lab/cell.ts";

/**
 * Trials that are not run: whether a kernel shows the bug is a matter of its patch level.
 *
 * @param builds kernels are not there before they are tried. Default: all are.
 */
export function madeUpTries(
  definition: string,
  hasIt: (patch: number) => boolean,
  { builds = false } = {},
): OpenTries {
  return async (options, ledger) => {
    const about = (tried: Cell) =>
      ({ definition, cell: tried, kernel: undefined, accelerator: "tcg" }) as const;
    const repro = options.repro.id;
    const built = new Set<string>();
    return {
      key: async (tried) => nameCell(ledger, about(tried)),
      isBuilt: ({ kernel }) => !builds || built.has(kernel),
      mustBuild: () => false,
      provide: async () => {},
      run: async (tried) => {
        built.add(tried.kernel);
        const patch = Number(tried.kernel.split(".")[2]);
        const outcome = hasIt(patch) ? "reproduced" : "clean";
        const running = await options.run?.begin({ title: describeCell(tried), cell: tried });
        const trial = { outcome, summary: "", evidence: running?.dir ?? "", took: patch } as const;
        const startedAt = new Date().toISOString();
        recordTrial(ledger, { ...trial, ...about(tried), startedAt, repro, ranBy: "map" });
        await running?.ended(trial);
        const rest = { columns: {}, versions: {}, observation: undefined, collected: [] };
        return { ...trial, ...rest, repro, cell: tried, startedAt };
      },
    };
  };
}
