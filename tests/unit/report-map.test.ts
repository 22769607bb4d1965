import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import type { MappedLine, MappedRelease } from "../../src/campaign/map/run.ts";
import { intervalsOf, type ReleaseState } from "../../src/campaign/map/series.ts";
import { describeLine, renderMap, renderMapSoFar } from "../../src/report/map.ts";
import { gate } from "../../src/report/map-gate.ts";
import { mapMarkdown } from "../../src/report/map-markdown.ts";
import { badRanges } from "../../src/report/map-ranges.ts";

const signs: Readonly<Record<string, ReleaseState>> = { "#": "bad", o: "good", "?": "unknown" };

/** A line from signs, `#` bad, `o` good, `?` unknown; each release tried but the unknown ones. */
function lineFrom(series: string, releases: Readonly<Record<string, string>>): MappedLine {
  const states = Object.values(releases).map((sign) => signs[sign] ?? "unknown");
  const seen = states.map((state) => ({
    reproduced: state === "bad" ? 3 : 0,
    clean: state === "good" ? 4 : 0,
  }));
  return {
    name: series,
    series,
    builds: 0,
    map: { states, intervals: intervalsOf(states, seen, 0.95), settled: true, whole: 0.97 },
    releases: Object.keys(releases).map(
      (version, index): MappedRelease => ({
        version,
        cell: { kernel: version, node: "20.9.0", env: {}, image: "debian", axes: {} },
        state: states[index] ?? "unknown",
        probability: 0.5,
        seen: seen[index] ?? { reproduced: 0, clean: 0 },
        trials:
          states[index] === "bad"
            ? [
                {
                  outcome: "reproduced",
                  summary: "node is in D\u001b[31m",
                  evidence: "/logs/1",
                  earlier: false,
                },
              ]
            : [],
        problem: undefined,
      }),
    ),
  };
}

const line = lineFrom("6.1", {
  "6.1.106": "o",
  "6.1.112": "?",
  "6.1.113": "#",
  "6.1.115": "#",
  "6.1.116": "o",
});
const open = lineFrom("6.6", { "6.6.57": "#", "6.6.59": "#" });
const clean = lineFrom("5.15", { "5.15.89": "o", "5.15.90": "o" });
const facts = { repro: "io-uring-dstate", title: "npm ci hangs */ always", lines: [line, open, clean] };

describe("the releases of a line that have a bug", () => {
  test("may be more than those that were tried, on both sides", () => {
    expect(badRanges(line)).toEqual([
      { series: "6.1", first: "6.1.113", last: "6.1.115", from: "6.1.107", to: "6.1.115" },
    ]);
    expect(badRanges(open)).toMatchObject([{ from: undefined, to: undefined }]);
    expect(badRanges(clean)).toEqual([]);
  });

  test("are told with what is not known", () => {
    expect(describeLine(line)).toContain("6.1: 6.1.113 to 6.1.115 are bad; 6.1.107 to 6.1.112 not known.");
    expect(describeLine(open)[0]).toBe(
      "6.6: 6.6.57 to 6.6.59 are bad; what of 6.6 is older than 6.6.57 was not tried; what of 6.6 is newer than 6.6.59 was not tried.",
    );
    expect(describeLine(clean)[0]).toBe("5.15: not seen in 2 of 2 releases.");
  });
});

describe("a gate", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-gate-"));
  });
  afterAll(async () => await rm(dir, { recursive: true, force: true }));
  /** What each gate has to say of a kernel. */
  const expected = [
    ["6.1.106", false],
    ["6.1.107", true],
    ["6.1.115", true],
    ["6.1.116", false],
    ["6.6.1", true],
    ["6.6.200", true],
    ["6.7.0", false],
    ["5.15.90", false],
    ["6.10.115", false],
  ] as const;

  test("in C is what libuv's own would be", async () => {
    const hex = (version: string): string => {
      const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
      return String(major * 65536 + minor * 256 + patch);
    };
    const checks = expected.map(
      ([version, bad]) => `if (kernel_has_bug(${hex(version)}) != ${bad ? 1 : 0}) return 1;`,
    );
    await writeFile(
      join(dir, "gate.c"),
      `${gate("c", facts)}\nint main(void) {\n${checks.join("\n")}\nreturn 0;\n}\n`,
    );
    const options = { within: "60s", cwd: dir } as const;
    await command(["gcc", "-Wall", "-Wextra", "-Werror", "-o", "gate", "gate.c"], options);
    await command(["./gate"], options);
  });

  test("in JavaScript knows Debian's own way of naming kernels", async () => {
    await writeFile(join(dir, "gate.mjs"), gate("node", facts));
    const { kernelHasBug } = await import(join(dir, "gate.mjs"));
    for (const [version, bad] of expected) expect(kernelHasBug(version, "#1 SMP"), version).toBe(bad);
    expect(kernelHasBug("6.1.115-generic", "#1 SMP")).toBe(true);
    expect(kernelHasBug("6.1.0-26-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.112-1 (2024-09-30)")).toBe(true);
    expect(kernelHasBug("6.1.0-9-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)")).toBe(false);
  });

  test("in shell says the same", async () => {
    const kernels = [
      ...expected.map(([version, bad]) => [version, "#1 SMP", bad] as const),
      ["6.1.0-26-amd64", "#1 SMP Debian 6.1.112-1 (2024-09-30)", true] as const,
      ["6.1.115-generic", "#1 SMP", true] as const,
    ];
    for (const [release, version, bad] of kernels) {
      const uname = `uname() { case "$1" in -r) echo '${release}';; -v) echo '${version}';; esac; }`;
      const script = `${uname}\n${gate("shell", facts)}\nif kernel_has_bug; then echo bad; else echo good; fi`;
      const { stdout } = await command(["sh", "-euc", script], { within: "10s" });
      expect(stdout.trim(), release).toBe(bad ? "bad" : "good");
    }
  });

  test("says what is not known in a comment that nothing can end early", () => {
    const text = gate("c", facts);
    expect(text).toContain("/* 6.1.113 to 6.1.115; 6.1.107 to 6.1.112 not known */");
    expect(text).toContain("5.15: not seen in 5.15.89 to 5.15.90");
    expect(text.match(/\*\//g)).toHaveLength(3);
  });
});

test("a map fits 80 columns, and what a guest said cannot colour it", () => {
  const many = lineFrom(
    "6.6",
    Object.fromEntries(
      Array.from({ length: 130 }, (_, patch) => [`6.6.${patch + 1}`, patch > 55 && patch < 59 ? "#" : "o"]),
    ),
  );
  const text = renderMap([line, many], { width: 80, confidence: 0.99 });
  for (const row of text.split("\n"))
    if (!row.includes("evidence")) expect(row.length, row).toBeLessThanOrEqual(80);
  expect(text).not.toContain("\u001b");
  expect(text).toContain("6.6.57 to 6.6.59");
});

test("a map that fills shows its pictures, no more than there is room for", () => {
  expect(renderMapSoFar([line], { width: 79, height: 10 })).toMatch(/^6\.1 +\S+\n +6\.1\.\d+/);
  expect(renderMapSoFar([line, line, line], { width: 79, height: 4 }).split("\n")).toHaveLength(4);
});

test("a map as Markdown has the picture, the table and every gate", () => {
  const text = mapMarkdown([line, open], { repro: facts.repro, title: "a | b", version: "0.1.0" });
  expect(text).toContain("### Kernels with a \\| b");
  expect(text).toContain("| 6.1 | 6.1.113 to 6.1.115 | bad | 2 of 2 | 6 of 6 |");
  for (const word of ["```c", "```js", "```sh", "kernel_has_bug"]) expect(text).toContain(word);
});
