import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { MarkedOutput } from "../../src/guest/marked-output.ts";
import { QmpMessages } from "../../src/machine/qmp-messages.ts";
import { allow, targets } from "../fuzz/targets.ts";

describe("what parses bytes of guests, networks and files", () => {
  test.each(Object.entries(targets))("takes what it meets in life: %s", (_name, target) => {
    for (const seed of target.seeds) allow(() => target.run(Buffer.from(seed)));
    expect(target.seeds.length).toBeGreaterThan(0);
  });

  test("takes what a fuzzer found, each since it was mended", async () => {
    const found = new URL("fixtures/fuzzed/", import.meta.url);
    let count = 0;
    for (const name of await readdir(found)) {
      const target = targets[name.split(".")[0] ?? ""];
      if (!target) continue;
      count += 1;
      const bytes = await readFile(new URL(name, found));
      allow(() => target.run(bytes));
    }
    expect(count).toBeGreaterThan(0);
  });
});

test("a mark whose line has no end is an answer, in pieces as in one", () => {
  const output = new MarkedOutput("mark");
  expect(output.push(Buffer.from("out\nma"))).toBeUndefined();
  expect(output.push(Buffer.from("rk 1"))).toBeUndefined();
  expect(output.push(Buffer.from("2".repeat(100)))).toEqual({ text: "out", tail: ` 1${"2".repeat(62)}` });
});

test("a monitor that sends no end of a line does not fill the host's memory", () => {
  const messages = new QmpMessages();
  const mebibyte = "x".repeat(2 ** 20);
  for (let sent = 0; sent < 16; sent += 1) expect(messages.push(mebibyte)).toEqual([]);
  expect(() => messages.push("x")).toThrow(/more than 16 MiB without an end/);
});
