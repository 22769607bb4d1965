import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import { readLine } from "../../src/kernel-log/line.ts";

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
  ["a terminal program that stamps lines", (text, i) => `[2024-11-05 01:46:00] [${stamp(i)}] ${text}`],
  ["a laboratory's log", (text, i) => `01:46:00.123  <4>[${stamp(i)}] ${text}`],
  ["a mail that quotes", (text, i) => `> [${stamp(i)}] ${text}`],
  ["a paste that indents", (text, i) => `    [${stamp(i)}] ${text}`],
];

const logs = readdirSync(folder)
  // These are about prefixes or about several boots; the last one needs a prefix to be believed.
  .filter((file) => !/^(?:prefix-|harmless|interleaved|panic-later|unexpected-reboot|bug-other)/.test(file))
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
