import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readLine } from "../../src/kernel-lines/line.ts";
import { parseKernelLog } from "../../src/kernel-log/kernel-log.ts";

const folder = new URL("./fixtures/kernel-log/", import.meta.url);
const stamp = (index: number): string => (100 + index / 1000).toFixed(6).padStart(12);

/** Who writes kernel lines down, and what each puts in front of them. */
const writers: readonly (readonly [name: string, write: (text: string, index: number) => string])[] = [
  ["dmesg", (text, i) => `[${stamp(i)}] ${text}`],
  ["dmesg without stamps", (text) => text],
  ["dmesg --raw", (text, i) => `<4>[${stamp(i)}] ${text}`],
  ["dmesg --raw without stamps", (text) => `<4>${text}`],
  ["dmesg --decode", (text, i) => `kern  :warn  : [${stamp(i)}] ${text}`],
  ["dmesg --ctime", (text) => `[Tue Nov  5 01:46:00 2024] ${text}`],
  ["dmesg --show-delta", (text, i) => `[${stamp(i)} <    0.000010>] ${text}`],
  ["dmesg --human", (text, i) => (i === 0 ? `[Nov 5 01:46] ${text}` : `[  +0.000010] ${text}`)],
  ["dmesg --time-format iso", (text) => `2024-11-05T01:46:00,123456+01:00 ${text}`],
  ["a kernel that names the caller", (text, i) => `[${stamp(i)}][  T812] ${text}`],
  ["dmesg that names the caller", (text, i) => `[${stamp(i)}] [  T812] ${text}`],
  ["/dev/kmsg or netconsole", (text, i) => `4,${i},${100_000_000 + i},-;${text}`],
  ["journalctl", (text) => `Nov 05 01:46:00 host kernel: ${text}`],
  ["journalctl -o short-monotonic", (text, i) => `[${stamp(i)}] host kernel: ${text}`],
  [
    "journalctl -o json",
    (text, i) => `{"_TRANSPORT":"kernel","MESSAGE":${JSON.stringify(text)},"__CURSOR":"${i}"}`,
  ],
  ["syslog", (text, i) => `Nov  5 01:46:00 host kernel: [${stamp(i)}] ${text}`],
  [
    "syslog with ISO dates",
    (text, i) => `2024-11-05T01:46:00.123456+01:00 host kernel: [${stamp(i)}] ${text}`,
  ],
  ["syslog whose dates were cut off", (text) => `kernel: ${text}`],
  ["a container's log", (text, i) => JSON.stringify({ log: `[${stamp(i)}] ${text}\n`, stream: "stdout" })],
  ["a serial console in colour", (text, i) => `\x1b[33m[${stamp(i)}] \x1b[0m${text}\r`],
  ["a collector with its own clock", (text, i) => `2024-11-05T01:46:00.1234567Z [${stamp(i)}] ${text}`],
  ["dmesg --ctime in German", (text) => `[So Mär  3 01:46:00 2024] ${text}`],
  ["dmesg --ctime in Spanish", (text) => `[mié sep  4 01:46:00 2024] ${text}`],
  ["dmesg --ctime in Portuguese", (text) => `[qua. set.  4 01:46:00 2024] ${text}`],
  ["dmesg --ctime in Polish", (text) => `[śro paź 16 01:46:00 2024] ${text}`],
  ["dmesg --ctime in Japanese", (text) => `[水 10月 16 01:46:00 2024] ${text}`],
  ["dmesg --ctime in Korean", (text) => `[수 10월 16 01:46:00 2024] ${text}`],
  ["dmesg --ctime in Greek", (text) => `[Τετ Οκτ 16 01:46:00 2024] ${text}`],
  ["dmesg --ctime --show-delta", (text) => `[Tue Nov  5 01:46:00 2024 <    0.000010>] ${text}`],
  ["dmesg --ctime that names the caller", (text) => `[Tue Nov  5 01:46:00 2024] [  T812] ${text}`],
  ["dmesg --ctime whose first bracket was lost", (text) => `Tue Nov  5 01:46:00 2024] ${text}`],
  ["dmesg --time-format delta", (text) => `[<    0.000010>] ${text}`],
  [
    "dmesg --human in French",
    (text, i) => (i === 0 ? `[févr. 5 01:46] ${text}` : `[  +0,000010] ${text}`.replace(",", ".")),
  ],
  ["dmesg whose first bracket was lost", (text, i) => `${stamp(i).trim()}] ${text}`],
  ["journalctl in French", (text) => `févr. 05 01:46:00 host kernel: ${text}`],
  ["journalctl in Russian", (text) => `мая 05 01:46:00 host kernel: ${text}`],
  ["journalctl in Chinese", (text) => `5月 05 01:46:00 host kernel: ${text}`],
  ["journalctl in Vietnamese", (text) => `Thg 5 05 01:46:00 host kernel: ${text}`],
  ["journalctl -o short-precise in Czech", (text) => `úno 05 01:46:00.123456 host kernel: ${text}`],
  ["journalctl -o short-full in German", (text) => `Di 2024-11-05 01:46:00 CET host kernel: ${text}`],
  [
    "journalctl -o short-full east of Greenwich",
    (text) => `Tue 2024-11-05 01:46:00 +03 host kernel: ${text}`,
  ],
  ["journalctl -o short-iso-precise", (text) => `2024-11-05T01:46:00.123456+0100 host kernel: ${text}`],
  ["journalctl -o short-unix", (text) => `1730771160.123456 host kernel: ${text}`],
  ["journalctl -o short-delta", (text, i) => `[${stamp(i)} <    0.000010 >] host kernel: ${text}`],
  ["journalctl --no-hostname", (text) => `Nov 05 01:46:00 kernel: ${text}`],
  ["journalctl --no-hostname -o short-monotonic", (text, i) => `[${stamp(i)}] kernel: ${text}`],
  ["journalctl --no-hostname -o short-full", (text) => `Tue 2024-11-05 01:46:00 CET kernel: ${text}`],
  ["a log viewer that shows the time only", (text) => `1:46:00 AM kernel: ${text}`],
  ["a reporter who left the date out", (text) => `01:46:00 host kernel: ${text}`],
  ["a day first", (text) => `05 Nov 2024 01:46:00 host kernel: ${text}`],
  ["a numeric date", (text) => `05.11.2024 01:46:00 host kernel: ${text}`],
  ["OpenWrt's logread", (text, i) => `Tue Nov  5 01:46:00 2024 kern.warn kernel: [${stamp(i)}] ${text}`],
  ["syslog with a zone", (text) => `Nov  5 01:46:00.123 CEST host kernel: ${text}`],
  [
    "syslog over the network",
    (text, i) => `<4>1 2024-11-05T01:46:00.123456+01:00 host kernel - - - [${stamp(i)}] ${text}`,
  ],
  ["syslog whose kernel has a pid", (text) => `Nov  5 01:46:00 host kernel[0]: ${text}`],
  ["syslog around /dev/kmsg", (text, i) => `Nov  5 01:46:00 host 4,${i},${100_000_000 + i},-;${text}`],
  [
    "syslog around /dev/kmsg of a kernel that names the caller",
    (text, i) => `Nov  5 01:46:00 host kernel: 4,${i},${100_000_000 + i},-,caller=T812;${text}`,
  ],
  ["a time in front of every line and nothing else", (text) => `Nov 05 01:46:00 [  100.000000] ${text}`],
  ["tio", (text, i) => `[01:46:00.123] [${stamp(i)}] ${text}`],
  ["a build server", (text, i) => `[2024-11-05T01:46:00.123Z] [${stamp(i)}] ${text}`],
  ["Samsung", (text, i) => `<4>[${stamp(i)}]  [7:      swapper/0:    1] ${text}`],
  ["Samsung in an interrupt", (text, i) => `<4>[${stamp(i)}] I[7:      swapper/0:    1] ${text}`],
  ["MediaTek", (text, i) => `<4>[${stamp(i)}] -(2)[1234:kworker/2:1]${text}`],
  ["Huawei", (text, i) => `<4>[${stamp(i)}s][pid:1234,cpu2,kworker/2:1]${text}`],
  ["Sony", (text, i) => `<4>[${stamp(i)}] (CPU:2-pid:1234:kworker/2:1) ${text}`],
  [
    "printk that had to drop some",
    (text, i) => `[${stamp(i)}] ${i === 0 ? "** 12 printk messages dropped ** " : ""}${text}`,
  ],
  ["a terminal program that stamps lines", (text, i) => `[2024-11-05 01:46:00] [${stamp(i)}] ${text}`],
  ["a laboratory's log", (text, i) => `01:46:00.123  <4>[${stamp(i)}] ${text}`],
  ["a mail that quotes", (text, i) => `> [${stamp(i)}] ${text}`],
  ["a paste that indents", (text, i) => `    [${stamp(i)}] ${text}`],
];

const logs = readdirSync(folder)
  // These are about prefixes, broken lines or several boots, or need a prefix to be believed.
  .filter(
    (file) =>
      !/^(?:prefix-|harmless|interleaved|panic-later|unexpected-reboot|bug-other|device-errors|first-lines|hung-task-(?:wrapped|broken|fragment|dropped)|pstore|doubled|xmon|samsung)/.test(
        file,
      ),
  )
  .map((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const lines = text.split("\n").filter((line) => line !== "");
    return {
      file,
      text,
      words: lines.flatMap((line, index) => readLine(line, index + 1).map((part) => part.text)),
    };
  });

const found = (text: string): string[] => parseKernelLog(text).map(({ kind, title }) => `${kind} ${title}`);

describe("every report is found alike whatever wrote the log", () => {
  test.each(writers)("%s", (_, write) => {
    for (const { file, text, words } of logs) {
      expect([file, ...found(words.map(write).join("\n"))]).toEqual([file, ...found(text)]);
    }
  });
});
