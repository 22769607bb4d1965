import type { ShardRecord } from "../../record/run-record.ts";
import { type Shard, shardRecord } from "../matrix/shard.ts";
import type { MapLine } from "./places.ts";

/**
 * The lines of a shard. A line is one shard's where there are as many lines as shards; else lines are cut into ranges
 * of about as many releases. Every release is in one shard.
 *
 * @example linesOfShard(lines, { number: 1, of: 2 })[0]?.name // "6.1.106..6.1.117"
 */
export function linesOfShard(lines: readonly MapLine[], { number, of }: Shard): MapLine[] {
  const places = lines.reduce((sum, line) => sum + line.places.length, 0);
  // Lines one after the other, cut where a shard ends; with enough lines the nearest end of a line is taken.
  const at = (shard: number): number =>
    lines.length >= of
      ? startOf(lines, Math.floor((shard * lines.length) / of))
      : Math.floor((shard * places) / of);
  const [from, to] = [at(number - 1), at(number)];
  let start = 0;
  return lines.flatMap((line) => {
    const first = Math.max(from - start, 0);
    const end = Math.min(to - start, line.places.length);
    start += line.places.length;
    return end > first ? [rangeOf(line, first, end)] : [];
  });
}

function startOf(lines: readonly MapLine[], line: number): number {
  return lines.slice(0, line).reduce((sum, { places }) => sum + places.length, 0);
}

function rangeOf(line: MapLine, first: number, end: number): MapLine {
  const places = line.places.slice(first, end);
  if (places.length === line.places.length) return line;
  const distro = /, .*$/.exec(line.name)?.[0] ?? "";
  const [oldest, newest] = [places[0]?.version, places.at(-1)?.version];
  const range = places.length === 1 ? oldest : `${oldest}..${newest}`;
  return { ...line, name: `${range}${distro}`, places };
}

/** What a run says of the map that it is a part of. */
export function mapShardRecord(
  shard: Shard,
  map: { readonly definition: string; readonly lines: readonly MapLine[]; readonly plan: unknown },
): ShardRecord {
  const { definition, lines, plan } = map;
  const cells = lines.flatMap(({ places }) => places.map(({ cell }) => cell));
  return shardRecord(shard, { definition, cells, plan });
}
