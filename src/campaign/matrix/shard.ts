import { UsageError } from "../../base/errors.ts";
import { keyOf } from "../../base/store.ts";
import type { Cell } from "../../lab/cell.ts";
import type { ShardRecord } from "../../record/run-record.ts";

/** One of several parts of a campaign, each run by a job of its own that knows nothing of the others. */
export interface Shard {
  /** Counted from 1. */
  readonly number: number;
  readonly of: number;
}

/** More parts than this are a slip of the keyboard. */
const most = 10_000;

/**
 * Read `2/5`: the second of five shards, as vitest and Playwright write it.
 *
 * @throws {UsageError} for anything else.
 * @example parseShard("2/5") // { number: 2, of: 5 }
 */
export function parseShard(text: string): Shard {
  const [, number, of] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (number === undefined || of === undefined || number < 1 || number > of || of > most)
    throw new UsageError(`"${text}" is no shard`, {
      next: "Write 2/5 for the second of five: the first number is from 1 to the second.",
    });
  return { number, of };
}

/**
 * The cells of a shard. Every cell is in one shard, whatever order the others run in, and the shards differ by one
 * cell at most. Cells of a kernel stay together as far as that allows: each kernel is then built in few places.
 *
 * @example cellsOfShard(cells, { number: 2, of: 5 })
 */
export function cellsOfShard(cells: readonly Cell[], { number, of }: Shard): Cell[] {
  const byKernel = [...Map.groupBy(cells, ({ kernel }) => kernel).values()].flat();
  const at = (shard: number): number => Math.floor((shard * byKernel.length) / of);
  return byKernel.slice(at(number - 1), at(number));
}

/**
 * What a run says of the campaign that it is a part of: two runs are parts of the same one when the repro, the cells
 * and what was asked of them are the same.
 *
 * @param definition names the repro as it is now.
 */
export function shardRecord(
  shard: Shard,
  campaign: { readonly definition: string; readonly cells: readonly Cell[]; readonly plan: unknown },
): ShardRecord {
  const { definition, cells, plan } = campaign;
  const id = keyOf({ definition, cells, plan });
  return { ...shard, campaign: id, definition, cells: cells.length };
}
