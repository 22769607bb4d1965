import type { LogLine } from "../kernel-lines/line.ts";

const boot = /^(?:Linux version \d|SeaBIOS \(version|Booting the kernel\.|Decompressing Linux\.\.\.)/;
/** The kernel's own last words, and those of an init that was told to reboot: systemd, Android's, BusyBox'. */
const lastWords = [
  "reboot: ",
  "Restarting system",
  "Power down\\.",
  "(?:kexec_core: )?Starting new kernel",
  "sysrq: (?:SysRq : )?Resetting",
  "Rebooting in \\d+ seconds",
  "-- (?:Reboot|Boot)",
  "init: (?:Reboot|Shutdown|Powering off)",
  "systemd-shutdown\\[1\\]: ",
  "systemd\\[1\\]: (?:Shutting down|Reached target .*(?:Reboot|Power|Shutdown|Halt))",
  "The system is going down",
  "Requesting system (?:reboot|poweroff|halt)",
];
const orderlyEnd = new RegExp(`^(?:${lastWords.join("|")})`);
/**
 * The machine is up: any kernel line but those of the first second, or the programs that syzkaller prints to the
 * console before it runs them.
 */
const uptime = /\[ *[1-9]\d*\.\d{6}\]|^(?:r\d+ = )?[a-z_]\w*(?:\$\w+)?\(.*\)$|executing program/;

/** Whether a kernel that boots had been told to. */
export class Boots {
  /** Whether a kernel has been running for a while, and has neither panicked nor been told to stop. */
  #running = false;
  /** It has; what it says until the next one boots are its last words. */
  #stopped = false;

  /** Whether any line can show that a machine is up. */
  get isWatching(): boolean {
    return !this.#running && !this.#stopped;
  }

  /** A line as it is in the log, whatever it is. */
  see(raw: string): void {
    if (this.isWatching && uptime.test(raw)) this.#running = true;
  }

  /** The machine stops, and says so. */
  stop(): void {
    this.#running = false;
    this.#stopped = true;
  }

  /** Whether the line says that the machine stops because it was told to. */
  isOrderlyEnd(line: LogLine): boolean {
    return orderlyEnd.test(line.text);
  }

  isBoot(line: LogLine): boolean {
    return boot.test(line.text);
  }

  /** A kernel starts. @returns whether nobody had told the one before to stop. */
  start(line: LogLine): boolean {
    const unexpected =
      this.#running && line.date === undefined && !(line.time !== undefined && line.time >= 1);
    this.#running = false;
    this.#stopped = false;
    return unexpected;
  }
}
