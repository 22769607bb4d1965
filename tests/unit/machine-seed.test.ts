import { expect, test } from "vitest";
import { makeKeyPair } from "../../src/machine/seed.ts";

test("every key pair can be read back, the one in 256 that ssh2 spoils too", () => {
  for (let count = 0; count < 600; count += 1) expect(makeKeyPair("test").blob.length).toBe(4 + 11 + 4 + 32);
});
