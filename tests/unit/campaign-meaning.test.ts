import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelName, reproKey } from "../../src/campaign/cell-key.ts";
import { meaningOf } from "../../src/campaign/meaning.ts";

const mean = (path: string, text: string): string => meaningOf(path, Buffer.from(text)).toString();

describe("a comment changes nothing of", () => {
  test.each([
    [
      "a script",
      "a.ts",
      "const a = 1; // one\n/* two */ const b: string = 'x';\n",
      "const a = 1;\nconst b: string = 'x';\n",
    ],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of the script itself
    ["a template with code in it", "a.ts", "f(`// ${/* in */ a} /* no */`);", "f(`// ${ a} /* no */`);"],
    [
      "a regular expression with slashes",
      "a.mjs",
      "const r = /\\/\\/ [/*]/; // r",
      "const r = /\\/\\/ [/*]/;",
    ],
    ["C", "a.c", 'puts("// no"); /* yes */ // and\n\nreturn 0;', 'puts("// no");\nreturn 0;'],
    ["C with characters", "a.c", "c = '\"'; // quote\nd = '/';", "c = '\"';\nd = '/';"],
  ])("%s", (_, path, written, same) => {
    expect(mean(path, written)).toBe(mean(path, same));
  });
});

describe("a change counts of", () => {
  test.each([
    ["a string that looks like a comment", "a.ts", 'f("// a")', 'f("// b")'],
    ["a template", "a.ts", "f(`  a`)", "f(` a`)"],
    ["what stands beside a comment", "a.ts", "f(1); // x", "f(2); // x"],
    ["a line that ends a statement", "a.ts", "return\n1", "return 1"],
    ["C's strings", "a.c", 'puts("/* a */");', 'puts("/* b */");'],
    ["a script of the shell, comments too", "a.sh", "# a\nls", "# b\nls"],
    ["data", "a.json", "1", "1 "],
    ["what is no script that can be read", "a.ts", 'const a = "x // 1', 'const a = "x // 2'],
  ])("%s", (_, path, before, after) => {
    expect(mean(path, before)).not.toBe(mean(path, after));
  });
});

describe("a repro's trials", () => {
  let dir: string;
  const write = async (path: string, text: string): Promise<void> => await writeFile(join(dir, path), text);
  const key = async (): Promise<string> => await reproKey(join(dir, "repro.ts"));
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-meaning-"));
    await mkdir(join(dir, "workload"));
    await write("repro.ts", "export default 1;");
    await write("workload/README.md", "read by the workload");
  });
  afterAll(async () => await rm(dir, { recursive: true, force: true }));

  test("stay when its README, a comment or a test is written", async () => {
    const before = await key();
    await write("README.md", "cause and map");
    await write("repro.ts", "// why\nexport default 1; /* how */");
    await write("repro.test.ts", "test();");
    expect(await key()).toBe(before);
  });

  test("are void when its definition or its workload changes", async () => {
    const before = await key();
    await write("workload/README.md", "something else");
    const after = await key();
    expect(after).not.toBe(before);
    await write("repro.ts", "export default 2;");
    expect(await key()).not.toBe(after);
  });
});

test("one kernel has one name in the ledger, however it was asked for", () => {
  const kernel = { id: "deb-6.12.74-2-x", exact: "deb:6.12.74-2~bpo12+1" };
  for (const text of ["deb:6.12.74", "deb:6.12", "deb:6.12.74-2~bpo12+1"])
    expect(kernelName(text, kernel)).toBe("deb:6.12.74-2~bpo12+1");
  const commit = "a".repeat(40);
  const built = { id: "x", exact: `git:/src/linux@${commit}` };
  expect(kernelName("git:/elsewhere@v6.1.115", built)).toBe(
    kernelName(`git:/src/linux@${commit}`, undefined),
  );
  expect(kernelName("file:/x/bzImage", { id: "0123" })).toBe("0123");
});
