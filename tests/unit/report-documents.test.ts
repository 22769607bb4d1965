import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { afterAll, describe, expect, test } from "vitest";
import { documents } from "../../src/report/documents/documents.ts";
import { jsonSchemas } from "../../src/report/documents/json-schemas.ts";
import { documentIn, errorIn } from "./documents.ts";
import { programToLookAt } from "./program.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const published = new URL("../../schemas/", import.meta.url);
const dir = await mkdtemp(join(tmpdir(), "dstate-documents-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function dstate(...argv: string[]): Promise<{ exitCode: number | null; stdout: string }> {
  const env = { ...process.env, DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], { cwd: dir, env }, (_error, stdout) =>
      resolve({ exitCode: child.exitCode, stdout }),
    );
  });
}

/** Every command that takes --json, with the words that follow `dstate`. */
function withDocuments(command: Command, words: readonly string[] = []): string[] {
  const own = command.options.some(({ long }) => long === "--json") ? [words.join(" ")] : [];
  return [...own, ...command.commands.flatMap((each) => withDocuments(each, [...words, each.name()]))];
}

describe("the schemas of documents", () => {
  test("are published as they are: after a change, `npm run schemas` writes them anew", async () => {
    const written = new Map<string, unknown>();
    for (const name of await readdir(published))
      written.set(name, JSON.parse(await readFile(new URL(name, published), "utf8")));
    expect(written).toEqual(
      new Map(Object.entries(JSON.parse(JSON.stringify(Object.fromEntries(jsonSchemas()))))),
    );
  });

  test("are there for every command that takes --json, and for no other", async () => {
    const commands = withDocuments(await programToLookAt());
    const kinds = Object.keys(documents).filter((name) => !name.includes("--"));
    expect(commands.sort()).toEqual(kinds.sort());
  });
});

describe("the document of", () => {
  test.concurrent.each([
    ["repros", [], 0],
    ["images list", [], 0],
    ["bench bisect", ["--runs", "2", "--rate", "1"], 0],
  ] as const)("`dstate %s` is as its schema says", async (name, argv, code) => {
    const { exitCode, stdout } = await dstate(...name.split(" "), ...argv, "--json");
    documentIn(name, stdout);
    expect(exitCode).toBe(code);
  });

  test("`dstate doctor` is as its schema says, whatever the host lacks", async () => {
    const { stdout } = await dstate("doctor", "--json");
    expect(documentIn("doctor", stdout)).toMatchObject({ dstate: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  test.concurrent.each([
    ["run", ["run", "no-such-repro"], "UsageError", 2],
    ["kernels get", ["kernels", "get", "latest:"], "UsageError", 2],
    ["bisect replay", ["bisect", "replay", "/no/such/log"], "UsageError", 2],
  ] as const)("a failed `dstate %s` is an error's", async (command, argv, type, code) => {
    const { exitCode, stdout } = await dstate(...argv, "--json");
    expect(errorIn(command, stdout)).toMatchObject({
      exitCode: code,
      error: { type, message: expect.stringMatching(/./) },
    });
    expect(exitCode).toBe(code);
  });

  test("a failure of dstate's own is an error's with its calls", async () => {
    // A folder where a file should be.
    await writeFile(join(dir, "no-folder"), "");
    const env = { ...process.env, DSTATE_CACHE: join(dir, "no-folder") };
    const stdout = await new Promise<string>((resolve) => {
      execFile(
        process.execPath,
        [bin, "kernels", "get", "6.1.115", "--json"],
        { cwd: dir, env },
        (_error, text) => resolve(text),
      );
    });
    const { exitCode, error } = errorIn("kernels get", stdout);
    expect(exitCode).toBe(70);
    expect(error.message).toContain("ENOTDIR");
    expect(error.problem?.stack.join("\n")).toContain("/src/base/store.ts");
  });
});
