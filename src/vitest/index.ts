/// <reference types="node" preserve="true" />
/** dstate for vitest: `test` with a machine of a chosen cell, and matchers for what becomes of it. */
export { type DstateMatchers, expect } from "./matchers.ts";
export {
  test,
  testContext,
  type VmFixtures,
  type VmTest,
  type VmTestApi,
  type VmTestOptions,
} from "./test.ts";
export { trialIn } from "./trial.ts";
