import type { Format } from "./format.ts";

/**
 * Corrupted or lost memory.
 *
 * @see https://github.com/torvalds/linux/blob/master/mm/page_alloc.c
 * @see https://github.com/torvalds/linux/blob/master/mm/slub.c
 * @see https://github.com/torvalds/linux/blob/master/lib/list_debug.c
 * @see https://github.com/torvalds/linux/blob/master/mm/kmemleak.c
 * @see https://github.com/torvalds/linux/blob/master/mm/oom_kill.c
 */
export const memory: readonly Format[] = [
  {
    kind: "list-corruption",
    pattern: /^(?<bug>list_(?:add|del)(?: |_\w+ )?(?:corruption|double add))[.:]?/,
    title: "BUG: corrupted list[ in {fn}]",
    joins: ["list-corruption"],
  },
  {
    kind: "bad-page",
    pattern: /^BUG: Bad page (?<bug>state|map|cache) in process (?<task>.+?)\s+(?:pfn|pte|pgd):/,
    title: "BUG: Bad page {bug}[ in {fn}]",
  },
  {
    kind: "bad-page",
    pattern: /^BUG: Bad (?<bug>page \w+|rss-counter state|swap\w* \w+)/,
    title: "BUG: Bad {bug}[ in {fn}]",
  },
  {
    kind: "bad-page",
    pattern: /^BUG: non-zero (?<bug>\S+) on freeing mm/,
    title: "BUG: non-zero {bug} on freeing mm",
    alone: true,
  },
  {
    kind: "slab-corruption",
    pattern: /^BUG (?<cache>\S+) \((?:Not tainted|Tainted: .*?)\): (?<bug>(?!kasan:).+?)$/,
    title: "BUG: {bug}[ in {fn}]",
  },
  {
    kind: "slab-corruption",
    pattern: /^BUG (?<cache>\S+)(?: \(.*?\))?: (?<bug>(?!kasan:).+?)$/,
    title: "BUG: {bug}[ in {fn}]",
    stamped: true,
  },
  {
    kind: "slab-corruption",
    pattern: /^INFO: (?<bug>Freed|Allocated) in (?<fn>[^\s+]+)\+0x[0-9a-f]+\/0x[0-9a-f]+ age=/,
    title: "INFO: {bug}[ in {fn}]",
    joins: ["slab-corruption", "kasan"],
  },
  {
    kind: "slab-corruption",
    pattern: /^(?:Slab corruption|slab error in|kernel BUG in slab)\b.*/,
    title: "slab corruption[ in {fn}]",
    stamped: true,
  },
  {
    kind: "usercopy",
    pattern: /^usercopy: (?<bug>.*(?:attempt detected|exposure|overwrite).*)/i,
    title: "BUG: bad usercopy[ in {fn}]",
  },
  {
    kind: "memory-leak",
    pattern: /^unreferenced object(?: \(percpu\))? (?<address>0x[0-9a-f]+)(?: \(size (?<size>\d+)\))?/,
    title: "memory leak[ in {fn}]",
    joins: ["memory-leak"],
  },
  { kind: "memory-leak", pattern: /^BUG: memory leak$/, title: "memory leak[ in {fn}]" },
  {
    kind: "out-of-memory",
    pattern: /^(?<task>.{1,64}?) invoked oom-killer:/,
    title: "out of memory[: killed {victim}]",
    // Of a call chain that was cut off, the allocator's slow path says that it was no cgroup's limit.
    confirm:
      /^(?:Out of memory|Mem-Info:|(?:\[<[0-9a-f]+>\] (?:\? )?)?__alloc_pages_(?:slowpath|may_oom)\S*\+|Kernel panic - not syncing: (?:Out of memory|System is deadlocked))/,
    // Killing inside a memory cgroup that reached its own limit is no trouble of the kernel's.
    retract:
      /^Memory cgroup out of memory|^memory: usage \d+kB, limit|^Task in \S+ killed as a result of limit|CONSTRAINT_MEMCG|\bmem_cgroup_(?:out_of_memory|oom)/,
    // As many lines as there are tasks, and some for each node and zone.
    list: /^\[ *(?:pid|\d+) *\] |^Node \d+ |^(?:DMA|DMA32|Normal|HighMem|Movable|Device)\b|^lowmem_reserve|^active_anon|^ ?(?:in|un|isolated|free|slab|mapped)\w*:|^\d+ (?:pages|total pagecache)|^CPU +\d+: hi:/,
  },
  {
    kind: "out-of-memory",
    pattern:
      /^Out of memory(?: \([^)]*\))?: Kill(?:ed)? process (?<victimPid>\d+)[ ,]*\(?(?<victim>[^)]*)\)?/,
    title: "out of memory[: killed {victim}]",
    joins: ["out-of-memory"],
    late: true,
    alone: true,
  },
];
