import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const module = new URL("../../src/base/on-exit.ts", import.meta.url).href;

function run(code: string): { stdout: string; stderr: string; status: number | null } {
  const argv = [
    "--input-type=module",
    "--eval",
    `import { onProcessExit } from ${JSON.stringify(module)};\n${code}`,
  ];
  return spawnSync(process.execPath, argv, { encoding: "utf8" });
}

test("what is to be done at the end of a process is done, however much it is and whatever fails of it", () => {
  const ended = run(`
    for (let at = 0; at < 20; at += 1) onProcessExit(() => { if (at === 3) throw new Error("no"); console.log(at); });
    { using gone = onProcessExit(() => console.log("gone")); }
    process.exit(7);
  `);
  const expected = Array.from({ length: 20 }, (_, at) => at).filter((at) => at !== 3);
  expect(ended).toMatchObject({ status: 7, stderr: "", stdout: `${expected.join("\n")}\n` });
});

test("a process that took all of it back ends with no listener", () => {
  const { stdout } = run(`
    const hooks = [onProcessExit(() => console.log("gone")), onProcessExit(() => console.log("gone"))];
    for (const hook of hooks) hook[Symbol.dispose]();
    console.log(process.listenerCount("exit"));
  `);
  expect(stdout).toBe("0\n");
});
