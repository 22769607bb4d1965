import { kindsWith } from "../kinds.ts";
import type { Format } from "./format.ts";

const nullDeref = "BUG: unable to handle kernel NULL pointer dereference[ in {fn}]";
const paging = "BUG: unable to handle kernel paging request[ in {fn}]";

/** The kinds whose first line is followed by the oops line of the same exception. */
const beforeOops = kindsWith("beforeOops");

/**
 * Exceptions in kernel mode.
 *
 * @see https://github.com/torvalds/linux/blob/master/arch/x86/mm/fault.c
 * @see https://github.com/torvalds/linux/blob/master/arch/x86/kernel/traps.c
 * @see https://github.com/torvalds/linux/blob/master/arch/arm64/mm/fault.c
 * @see https://github.com/torvalds/linux/blob/master/arch/arm64/kernel/traps.c
 * @see https://github.com/torvalds/linux/blob/master/arch/powerpc/mm/fault.c
 */
export const faults: readonly Format[] = [
  {
    kind: "null-deref",
    pattern:
      /^(?:\w+: )?BUG: (?:[Uu]nable to handle )?[Kk]ernel NULL pointer dereference(?:(?:,? address:?| at| on \w+ at)?:? (?<address>(?:0x)?[0-9a-f]+)\b)?/,
    title: nullDeref,
  },
  {
    kind: "null-deref",
    pattern:
      /^(?:CPU:? ?(?<cpu>\d+) |\w+: )?Unable to handle kernel NULL pointer dereference(?: at virtual address (?<address>[0-9a-fx]+))?/,
    title: nullDeref,
  },
  {
    kind: "page-fault",
    pattern:
      /^(?:\w+: )?BUG: [Uu]nable to handle (?:kernel )?(?:paging request|page fault|data access|instruction fetch)(?:.*? (?:at|address:?) (?<address>(?:0x)?[0-9a-f]+))?/,
    title: paging,
  },
  {
    kind: "page-fault",
    pattern:
      /^(?:CPU:? ?(?<cpu>\d+) |\w+: )?Unable to handle kernel (?:paging request|pointer dereference|access to user memory|(?:execut\w+|read|write)\b.*? memory\b|execution|data access|[a-z ]+? at virtual address)(?:.*? (?:at|address)(?: in)?(?: virtual)?(?: address)? (?<address>(?:0x)?[0-9a-f]{4,}))?/,
    title: paging,
  },
  { kind: "page-fault", pattern: /^BUG: unable to handle kernel\b/, title: paging },
  {
    kind: "page-fault",
    pattern: /^kernel tried to execute (?:\S+ )?(?:page|user page|exec-protected page)/i,
    title: paging,
    confirm: /unable to handle|Oops|Kernel panic/i,
  },
  {
    kind: "general-protection",
    pattern:
      /^(?:kasan: GPF could be caused by .* access)?(?:Oops: |segment-related )?general protection fault(?:,? (?:(?:probably|maybe) )?for (?:non-canonical )?address (?<address>\S+?))?(?:: [0-9a-f]{4}\b.*|,.*|:)/,
    title: "general protection fault[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "list-corruption",
    pattern: /^kernel BUG at (?<where>(?:\S*\/)?lib\/list_debug\.c:\d+)!/,
    title: "BUG: corrupted list[ in {fn}]",
    joins: ["list-corruption"],
  },
  {
    kind: "kernel-bug",
    pattern: /^[Kk]ernel BUG at (?<where>[^\s!]+)!?/,
    title: "kernel BUG in {fn}|kernel BUG at {where}",
    joins: ["list-corruption", "usercopy", "slab-corruption", "kernel-bug", "bad-page", "cfi"],
  },
  {
    kind: "kernel-bug",
    pattern: /^rust_kernel: panicked at (?<where>[^:]+:\d+)/,
    title: "kernel BUG in {fn}|kernel BUG at {where}",
  },
  {
    kind: "kernel-bug",
    pattern: /^Internal error: (?:Oops - )?BUG: [0-9a-f]+ \[#\d+\]|^Kernel bug detected ?\[#\d+\]/,
    title: "kernel BUG[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "divide-error",
    pattern: /^(?:Oops: )?divide[ _]error: [0-9a-f]{4}\b/,
    title: "divide error[ in {fn}]",
    joins: beforeOops,
  },
  { kind: "divide-error", pattern: /^Division by zero in kernel\./, title: "divide error[ in {fn}]" },
  {
    kind: "double-fault",
    pattern: /^(?:traps: )?(?:PANIC: |Oops: )?double fault(?:, error_code: |: ?)(?:0x)?[0-9a-f]+/,
    title: "PANIC: double fault[ in {fn}]",
    joins: ["stack-guard", "double-fault"],
  },
  {
    kind: "invalid-opcode",
    pattern: /^(?:Oops: )?invalid opcode: [0-9a-f]{4}\b/,
    title: "invalid opcode[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "invalid-opcode",
    pattern: /^Internal error: (?:Oops - )?[Uu]ndefined instruction: [0-9a-f]+ \[#\d+\]/,
    title: "undefined instruction[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "stack-guard",
    pattern: /^BUG: (?:\w+ )?stack guard page was hit at (?<address>\S+)/,
    title: "BUG: stack guard page was hit[ in {fn}]",
  },
  {
    kind: "stack-guard",
    pattern: /^Insufficient stack space to handle exception!/,
    title: "kernel stack overflow[ in {fn}]",
  },
  {
    kind: "stack-guard",
    pattern:
      /^(?:BUG: )?(?:do_IRQ: .*? has overflown the kernel stack|[Kk]ernel stack overflow|stack overflow)/,
    title: "kernel stack overflow[ in {fn}]",
    stamped: true,
  },
  {
    kind: "cfi",
    pattern: /^CFI failure at (?<fn>[^\s+]+)\S*(?: \[\S+\])? \(target: (?<target>[^\s+;)]+)/,
    title: "CFI failure[ in {fn}]",
  },
  {
    kind: "cfi",
    pattern: /^CFI failure (?:at|\(target: )(?<target>[^\s+;)]+)/,
    title: "CFI failure[ in {fn}]",
  },
  {
    kind: "cfi",
    pattern: /^Internal error: Oops - CFI: [0-9a-f]+ \[#\d+\]/,
    title: "CFI failure[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "oops",
    pattern:
      /^(?:Oops: )?(?<trap>stack segment|int3|bounds|segment not present|invalid TSS|alignment check|coprocessor \w+|simd exception|control protection|trap handler|machine check|debug|invalid TSS|overflow)(?: fault)?: [0-9a-f]{4} ?\[#/,
    title: "{trap}[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "oops",
    pattern: /^Internal error: (?<trap>.*?): [0-9a-f]+ \[#\d+\]/,
    title: "Internal error[ in {fn}]",
    joins: beforeOops,
  },
  {
    kind: "oops",
    pattern:
      /^(?<trap>Unhandled (?:prefetch abort|fault)): (?<reason>.+? \(0x[0-9a-f]+\)) at (?<address>0x[0-9a-f]+|\[<[0-9a-f]+>\])/,
    title: "Unhandled fault[ in {fn}]",
    joins: ["oops"],
  },
  { kind: "oops", pattern: /^Alignment trap: not handling instruction/, title: "Alignment trap[ in {fn}]" },
  {
    kind: "oops",
    pattern: /^Bad mode in (?<trap>.+?) handler detected/,
    title: "Bad mode[ in {fn}]",
  },
  { kind: "oops", pattern: /^SError Interrupt on CPU ?(?<cpu>\d+)/, title: "SError interrupt[ in {fn}]" },
  {
    kind: "machine-check",
    pattern:
      /^(?:mce: )?\[Hardware Error\]: CPU (?<cpu>\d+): Machine Check Exception(?:: [0-9a-f]+)?(?: Bank (?<bank>\d+))?/,
    title: "machine check exception",
    joins: ["machine-check"],
  },
  {
    kind: "machine-check",
    // Bits 61 and 57 of a bank's status: not corrected, and the processor's state is lost.
    pattern:
      /^(?:mce: )?\[Hardware Error\]: CPU (?<cpu>\d+): Machine Check(?: Event)?: \d+ Bank (?<bank>\d+): (?<status>(?:[2367abef][0-9a-f]|[0-9a-f][2367abef])[0-9a-f]{14})\b/,
    title: "machine check: uncorrected error in bank {bank}",
  },
  {
    kind: "oops",
    // What MIPS hands to die(): no error code, and the CPU stands in a line of its own.
    pattern: /^(?<trap>(?!Oops)[A-Z][\w' -]{2,60}?) ?\[#\d+\]:/,
    title: "{trap}[ in {fn}]",
    stamped: true,
  },
  {
    kind: "oops",
    pattern: /^(?:Oops: )?(?<trap>(?!Oops)[A-Za-z][\w #'/-]{2,60}): [0-9a-f]{4,8} (?:ilc:\d )?\[#\d+\]/,
    title: "{trap}[ in {fn}]",
    joins: beforeOops,
    stamped: true,
  },
  {
    kind: "oops",
    pattern:
      /^Oops(?: - (?<reason>[\w ]+))?(?:: .*?)? ?\[#\d+\]|^Oops: Kernel access of bad area|^Oops: [0-9a-f]{4}\b/,
    title: "Oops[ in {fn}]",
    joins: beforeOops,
  },
];
