import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { documentIn } from "./documents.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));

async function dstate(...argv: string[]): Promise<{ code: number | null; out: string; said: string }> {
  const child = spawn(process.execPath, [bin, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, said };
}

describe("dstate tls", () => {
  test("lists a process of this host as one JSON document, largest first", async () => {
    const shell = spawn("sh", ["-c", "echo started; read end"]);
    try {
      await new Promise((resolve) => shell.stdout.once("data", resolve));
      const { code, out } = await dstate("tls", `${shell.pid}`, "--json");
      expect(code).toBe(0);
      expect(documentIn("tls", out).objects).toMatchObject([
        { object: expect.stringMatching(/libc\.so\.6$/), model: "static" },
      ]);
    } finally {
      shell.stdin.end("\n");
    }
  }, 60_000);

  test.each([
    [[], /there is nothing to look at/],
    [["/no/such/file"], /\/no\/such\/file cannot be read: ENOENT/],
    [["/etc/passwd"], /\/etc\/passwd is no ELF file/],
    [["4194305"], /there is no process 4194305 on this host/],
    [["--run", "true"], /--run is about a machine.*\n {2}Say which with --in REPRO/],
    [["--kernel", "deb:7.2", "/bin/sh"], /--kernel is about a machine/],
    [["--in", "no-such-repro", "1"], /there is no repro "no-such-repro"/],
    [["--symbols", "none", "/bin/sh"], /expected a whole number above zero/],
  ])(
    "with %j ends with exit code 2 and a sentence, and prints no result",
    async (argv, sentence) => {
      const { code, out, said } = await dstate("tls", ...argv);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(said).toMatch(sentence);
    },
    60_000,
  );
});
