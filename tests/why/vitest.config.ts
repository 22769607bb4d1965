import { defineConfig } from "vitest/config";

// No part of `npm test`: it needs drgn, gdb, and a kernel with debug information, whose build takes ten minutes.
export default defineConfig({
  test: {
    include: ["tests/why/*.test.ts"],
    fileParallelism: false,
    testTimeout: 1_200_000,
    hookTimeout: 7_200_000,
  },
});
