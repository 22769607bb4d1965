import { expect, test } from "vitest";
import { lastWords } from "../../src/lab/await-boot.ts";

test("a console's last words are its last line with anything in it, made fit to be shown", () => {
  expect(lastWords("[ 0.1] one\n[ 0.2] APIC timer disabled\u001b[2J\n\n  \n")).toBe(
    'the kernel said nothing after: "[ 0.2] APIC timer disabled"',
  );
  expect(lastWords("\n \n")).toBe("its console stayed empty");
  expect(lastWords("x".repeat(1000)).length).toBeLessThan(250);
});
