import type { CpuPosition } from "./platform.ts";

/** Interrupt enable flag. @see https://en.wikipedia.org/wiki/FLAGS_register */
const interruptFlag = 0x200;

/**
 * What `info registers -a` of QEMU's monitor prints for x86, one entry a CPU. What it does not know it passes over.
 *
 * @see https://www.qemu.org/docs/master/system/monitor.html
 * @example parseRegisters(await qmp.human("info registers -a"))[0]?.halted
 */
export function parseRegisters(text: string): CpuPosition[] {
  return text.split(/^CPU#/m).flatMap((part) => {
    const cpu = /^(\d{1,5})\s/.exec(part)?.[1];
    const at = /\b[RE]IP=([0-9a-f]{8,16})\s+[RE]FL=([0-9a-f]{8,16})\b[^\n]*\bCPL=(\d)[^\n]*\bHLT=(\d)/.exec(
      part,
    );
    const stack = /\b[RE]SP=([0-9a-f]{8,16})\b/.exec(part)?.[1];
    if (cpu === undefined || !at || stack === undefined) return [];
    return [
      {
        cpu: Number(cpu),
        instruction: BigInt(`0x${at[1]}`),
        stack: BigInt(`0x${stack}`),
        // The current privilege level: 0 is the kernel's.
        mode: at[3] === "0" ? "kernel" : "user",
        interrupts: (Number(`0x${at[2]}`) & interruptFlag) !== 0,
        halted: at[4] === "1",
      },
    ];
  });
}
