import { expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { traceTo } from "../../src/base/debug.ts";

test("whoever debugs sees each command of the host start and end, on one harmless line each", async () => {
  const lines: string[] = [];
  traceTo((line) => lines.push(line));
  await command(["printf", "%s", "a\u001b[31m\nb"], { within: "10s" });
  await command(["false"], { within: "10s" }).catch(() => {});
  expect(lines).toEqual([
    "[dstate host] > printf %s a\\u001b[31m\\nb",
    expect.stringMatching(/^\[dstate host\] < printf %s a\\u001b\[31m\\nb \(\d+ ms\)$/),
    "[dstate host] > false",
    expect.stringMatching(/^\[dstate host\] < false \(\d+ ms\)$/),
  ]);
});
