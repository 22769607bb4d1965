import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // A busy host may be five times slower: nothing of these waits for long by itself.
      {
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          // All cores, and before the machines: left to itself, vitest runs them on two cores one after the other, last.
          maxWorkers: availableParallelism(),
          testTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: {
          name: "vm",
          include: ["tests/vm/**/*.test.ts", "tests/repros/*/*.test.ts"],
          // A host like NixOS need not be made on NixOS.
          exclude: [
            "tests/vm/recorded.test.ts",
            ...(existsSync("/etc/NIXOS") ? ["tests/vm/nixos-host.test.ts"] : []),
          ],
          // Two files at a time: a machine has two processors and rarely uses both.
          maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
          // After the unit tests, which fill every core.
          sequence: { groupOrder: 1 },
          // The first test that wants a kernel builds it, and others wait for that: there are two, and a slow machine
          // takes twelve minutes each. Every wait in a test has a deadline of its own.
          testTimeout: 2_400_000,
          hookTimeout: 2_400_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      // Four minutes, for a machine is recorded once and runs again twice: `npm run test:recorded`.
      {
        test: {
          name: "recorded",
          sequence: { groupOrder: 2 },
          include: ["tests/vm/recorded.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 600_000,
        },
      },
      // Minutes: `npm run test:workers`.
      {
        test: {
          name: "workers",
          sequence: { groupOrder: 3 },
          include: ["tests/workers/**/*.test.ts"],
          testTimeout: 1_200_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
