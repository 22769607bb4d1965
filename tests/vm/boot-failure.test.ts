import { mkdir, mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { provideParts, Vm } from "../../src/index.ts";
import { BootError } from "../../src/lab/await-boot.ts";
import { testContext } from "../../src/vitest/test.ts";
import { kernel } from "./vm.ts";

test("a boot that goes nowhere is told with the console's last words, and is not tried a second time", async ({
  signal,
}) => {
  const events: ProgressEvent[] = [];
  const context = {
    ...(await testContext(signal)),
    progress: (event: ProgressEvent) => void events.push(event),
  };
  const cell = { kernel, node: undefined, env: {}, image: "debian", axes: {} } as const;
  const parts = await provideParts({ id: "boot-failure" }, cell, context);
  await mkdir(context.settings.logsDir, { recursive: true });
  const evidenceDir = await mkdtemp(join(context.settings.logsDir, "test-boot-"));
  // The first process reads its terminal for ever: nothing of the guest's system is started.
  const commandLine = ["init=/bin/cat"];
  const options = { parts, cpus: 2, memory: 2 ** 30, evidenceDir, commandLine, bootWithin: "20s" } as const;
  const error = await Vm.start(options, context).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BootError);
  expect((error as BootError).message).toMatch(
    /did not come up: waited 20\.0 s .*the kernel said nothing after: ".+"/,
  );
  const log = join(evidenceDir, "console.log");
  expect((error as BootError).evidence).toBe(log);
  expect(await readFile(log, "utf8")).toContain("Run /bin/cat as init process");
  expect(events.filter((event) => event.type === "note")).toEqual([]);
});
