import type { Format } from "./format.ts";

/** A function as `%pS` prints it. */
const fn = "(?<fn>[^\\s+]+)(?:\\+0x[0-9a-f]+/0x[0-9a-f]+)?";

/**
 * Reports of the sanitizers.
 *
 * @see https://github.com/torvalds/linux/blob/master/mm/kasan/report.c
 * @see https://github.com/torvalds/linux/blob/master/mm/kmsan/report.c
 * @see https://github.com/torvalds/linux/blob/master/kernel/kcsan/report.c
 * @see https://github.com/torvalds/linux/blob/master/mm/kfence/report.c
 * @see https://github.com/torvalds/linux/blob/master/lib/ubsan.c
 */
export const sanitizers: readonly Format[] = [
  {
    kind: "kasan",
    pattern: new RegExp(`^(?:BUG: )KAS[Aa][Nn]: (?:maybe )?(?<bug>[\\w -]+?) in ${fn}`),
    title: "KASAN: {bug}[ {access}][ in {fn}]",
    // A decoded log repeats the headline for each inlined function.
    joins: ["kasan"],
  },
  {
    kind: "kasan",
    pattern: /^BUG: KAS[Aa][Nn]: (?:maybe )?(?<bug>[\w-]+)(?: on address (?<address>\S+))?/,
    title: "KASAN: {bug}[ {access}][ in {fn}]",
    // A decoded log repeats the headline for each inlined function.
    joins: ["kasan"],
  },
  {
    kind: "kmsan",
    pattern: new RegExp(`^BUG: KMSAN: (?<bug>[\\w -]+?) in ${fn}`),
    title: "KMSAN: {bug}[ in {fn}]",
  },
  { kind: "kmsan", pattern: /^BUG: KMSAN: (?<bug>[\w-]+)/, title: "KMSAN: {bug}[ in {fn}]" },
  {
    kind: "kcsan",
    pattern: /^BUG: KCSAN: (?<bug>data-race|assert: race) in (?<fn>[^\s+]+)\S* \/ (?<other>[^\s+]+)/,
    title: "KCSAN: {bug}[ in {fn}][ / {other}]",
  },
  {
    kind: "kcsan",
    pattern: new RegExp(`^BUG: KCSAN: (?<bug>[\\w-]+(?:: race)?)(?: in ${fn})?`),
    title: "KCSAN: {bug}[ in {fn}]",
  },
  {
    kind: "kfence",
    pattern: new RegExp(`^BUG: KFENCE: (?<bug>[\\w -]+?) in ${fn}`),
    title: "KFENCE: {bug}[ in {fn}]",
  },
  { kind: "kfence", pattern: /^BUG: KFENCE: (?<bug>[\w -]+)/, title: "KFENCE: {bug}[ in {fn}]" },
  {
    kind: "ubsan",
    pattern: /^UBSAN: Undefined behaviour in (?<where>\S+)/,
    title: "UBSAN: undefined-behaviour[ in {fn}]",
  },
  { kind: "ubsan", pattern: /^UBSAN: (?<bug>[\w-]+) in (?<where>\S+)/, title: "UBSAN: {bug}[ in {fn}]" },
  {
    kind: "ubsan",
    pattern: /^Internal error: UBSAN: (?<bug>[^:]+): [0-9a-f]+ \[#\d+\]/,
    title: "UBSAN: {bug}[ in {fn}]",
  },
];
