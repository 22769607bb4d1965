import { type Command, InvalidArgumentError } from "commander";
import { exitCode } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { isSize, toBytes } from "../base/size.ts";
import {
  type CacheEntry,
  cacheParts,
  choosePrune,
  listCache,
  type Pruned,
  prune,
  verifyCache,
} from "../lab/cache.ts";
import { renderCache, renderPruned, renderVerified } from "../report/cache.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface Options {
  readonly part?: readonly string[];
  readonly json?: boolean;
}

interface PruneOptions extends Options {
  readonly unusedFor?: number;
  readonly maxSize?: number;
  readonly dryRun?: boolean;
}

/** `dstate cache`: what it holds, what can go, whether it is whole. */
export function addCache(program: Command, session: Session): void {
  const cache = program.command("cache").description("what the cache holds; remove what is not used");
  const partOption = [
    "--part <names>",
    `only these, with commas: ${cacheParts.map(({ name }) => name).join(", ")}`,
    parts,
  ] as const;
  withNotes(
    cache
      .command("list", { isDefault: true })
      .description("its entries, the longest unused first")
      .option(...partOption)
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate cache", "dstate cache list --part snapshots"] },
  ).action(async (options: Options) => {
    const { settings } = await session.context({ quiet: true });
    const entries = await listCache(settings, chosen(options));
    const dir = settings.cacheDir;
    const text = (): string => renderCache(entries, { width: session.width, dir, now: Date.now() });
    session.result("cache list", { dir, ...sum(entries), entries }, { json: options.json, text });
  });
  withNotes(
    cache
      .command("prune")
      .description("remove what nobody uses and nobody has used for long")
      .option(...partOption)
      .option("--unused-for <time>", "in place of each part's own age, such as 7d or 12h", ageOf)
      .option("--max-size <size>", "then the longest unused, until so much is left, such as 10GiB", sizeOf)
      .option("--dry-run", "say what would go, and remove nothing")
      .option("--json", "one JSON document on standard output"),
    {
      about: [
        `Without a rule, each part has its age: ${cacheParts.map(({ name, days }) => `${name} ${days} d`).join(", ")}. ` +
          "What a running dstate uses stays, and what is corrupt goes. Everything is made again when it is needed; a " +
          "kept machine (`dstate run --keep`) needs the kernel and the image it was made from.",
      ],
      examples: ["dstate cache prune --dry-run", "dstate cache prune --part snapshots --unused-for 1d"],
    },
  ).action(async (options: PruneOptions) => {
    const { settings, signal, progress } = await session.context();
    const entries = await listCache(settings, chosen(options));
    const rule = { olderThan: options.unusedFor, atMost: options.maxSize };
    const due = choosePrune(entries, rule, Date.now());
    const dryRun = options.dryRun === true;
    const pruned: Pruned[] = dryRun
      ? due.map((entry) => ({ entry, outcome: "removed" as const }))
      : await step(progress, "prune the cache", async ({ update }) =>
          prune(due, settings, { signal, tell: ({ entry }) => update({ detail: entry.key }) }),
        );
    const gone = new Set(pruned.flatMap(({ entry, outcome }) => (outcome === "removed" ? [entry] : [])));
    const left = entries.filter((entry) => !gone.has(entry));
    const body = { dryRun, freed: sum([...gone]).bytes, left: sum(left).bytes, pruned };
    session.result("cache prune", body, {
      json: options.json,
      text: () => renderPruned(pruned, { dryRun, left }),
    });
  });
  withNotes(
    cache
      .command("verify")
      .description("hash every file: is each what was stored?")
      .option(...partOption)
      .option("--remove", "remove what is not, unless somebody uses it")
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate cache verify", "dstate cache verify --part kernels --remove"] },
  ).action(async (options: Options & { readonly remove?: boolean }) => {
    const { settings, signal, progress } = await session.context();
    const entries = await listCache(settings, chosen(options));
    const verified = await step(progress, "verify the cache", async ({ update }) =>
      verifyCache(entries, settings, { signal, tell: ({ key }) => update({ detail: key }) }),
    );
    const bad = verified.flatMap(({ entry, failure }) => (failure === undefined ? [] : [entry]));
    const pruned = options.remove === true ? await prune(bad, settings, { signal }) : [];
    const removed = pruned.filter(({ outcome }) => outcome === "removed").length;
    const body = {
      corrupt: bad.length,
      removed,
      entries: verified.map(({ entry: { part, key, dir, bytes }, failure }) => ({
        part,
        key,
        dir,
        bytes,
        failure,
      })),
    };
    session.result("cache verify", body, {
      json: options.json,
      text: () => [renderVerified(verified), ...(removed > 0 ? [`${removed} removed`] : [])].join("\n"),
    });
    if (bad.length > removed) process.exitCode = exitCode.infraError;
  });
}

function chosen({ part }: Options): typeof cacheParts {
  return part === undefined ? cacheParts : cacheParts.filter(({ name }) => part.includes(name));
}

function sum(entries: readonly CacheEntry[]): { bytes: number } {
  return { bytes: entries.reduce((total, { bytes }) => total + bytes, 0) };
}

function parts(text: string): readonly string[] {
  const names = text.split(",").filter(Boolean);
  const unknown = names.find((name) => !cacheParts.some((part) => part.name === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `there is no part "${unknown}": ${cacheParts.map((p) => p.name).join(", ")}.`,
    );
  return names;
}

function ageOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([hd])$/.exec(text);
  if (!match) throw new InvalidArgumentError("expected a time such as 7d or 12h.");
  return Number(match[1]) * (match[2] === "d" ? 24 : 1) * 3600_000;
}

function sizeOf(text: string): number {
  if (!isSize(text)) throw new InvalidArgumentError("expected a size such as 10GiB.");
  return toBytes(text);
}
