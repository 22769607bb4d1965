import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Lines that a healthy machine's log is full of, the way the kernel and syslog write them. */
const ordinary = [
  (at: number) =>
    `[${stamp(at)}] audit: type=1400 audit(${at}.1:2): apparmor="STATUS" operation="profile_load"`,
  (at: number) => `Nov 26 10:00:00 host login[${at}]: session opened for user root`,
  (at: number) =>
    `[${stamp(at)}] usb 1-${at % 16}: new high-speed USB device number ${at % 90} using xhci_hcd`,
  (at: number) =>
    `Nov 26 10:00:00 host sshd[${at}]: Accepted publickey for root from 10.0.2.2 port 40222 ssh2`,
  (at: number) => `[${stamp(at)}] IPv6: ADDRCONF(NETDEV_CHANGE): eth${at % 8}: link becomes ready`,
  (at: number) => `Nov 26 10:00:00 host CRON[${at}]: (root) CMD (run-parts --report /etc/cron.hourly)`,
];

/** What stands in it now and then. */
const report = [
  "INFO: task node:132 blocked for more than 10 seconds.",
  "      Not tainted 6.1.115 #1",
  "task:node            state:D stack:0     pid:132   ppid:1      flags:0x00004006",
  "Call Trace:",
  " <TASK>",
  " __schedule+0x410/0x440",
  " schedule+0x57/0x8d",
  " schedule_preempt_disabled+0x9/0xb",
  " __mutex_lock.constprop.0+0x144/0x1fc",
  " io_uring_del_tctx_node+0x54/0xa5",
  " io_uring_clean_tctx+0x3b/0x6f",
  " do_exit+0x148/0x817",
  " </TASK>",
];

const linesToReport = 5000;

/**
 * Write a kernel log to a file: ordinary lines, and a hung task after every five thousand of them.
 *
 * @param bytes how large it is to be, up to a few thousand more.
 */
export async function writeMadeLog(
  path: string,
  bytes: number,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  await pipeline(Readable.from(pieces(bytes)), createWriteStream(path), options);
}

function* pieces(bytes: number): Generator<string> {
  for (let written = 0, at = 1; written < bytes; ) {
    const lines: string[] = [];
    for (const end = at + linesToReport; at < end; at += 1)
      lines.push(ordinary[at % ordinary.length]?.(at) ?? "");
    const piece = [...lines, ...report.map((line) => `[${stamp(at)}] ${line}`), ""].join("\n");
    written += piece.length;
    yield piece;
  }
}

function stamp(at: number): string {
  return `${(at / 10).toFixed(6).padStart(12)}`;
}
