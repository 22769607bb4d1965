import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { GdbStub, packet } from "../../src/machine/gdb-stub.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-gdb-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));
const { signal } = new AbortController();

/** The other end of the protocol, which says what it is told to: QEMU's own is met in tests/vm/recorded.test.ts. */
async function server(name: string, answer: (words: string, socket: Socket) => void): Promise<string> {
  const path = join(dir, name);
  const listening = createServer((socket) => {
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      for (const [, words = ""] of text.matchAll(/\$([^#]*)#[0-9a-f]{2}/g)) answer(words, socket);
    });
  }).listen(path);
  listening.unref();
  await once(listening, "listening");
  return path;
}

describe("a gdb server", () => {
  test("is told words with their checksum", () => {
    expect(packet("OK")).toBe("$OK#9a");
    expect(packet("")).toBe("$#00");
    expect(packet("Z1,ffffffff81000000,1")).toBe("$Z1,ffffffff81000000,1#cd");
  });

  test("is told where to stop a machine, however its answers are cut, and whatever it says unasked", async () => {
    const told: string[] = [];
    const path = await server("cut", (words, socket) => {
      told.push(words);
      socket.write("+$T05thr");
      setTimeout(() => socket.write("ead:01;#07$O"), 20);
      setTimeout(() => socket.write("K#9a"), 40);
    });
    using stub = await GdbStub.connect(path, { within: "10s", signal });
    await stub.breakAt(0xffffffff81000000n, { signal });
    await stub.forget(0xffffffff81000000n, { signal });
    expect(told).toEqual(["Z1,ffffffff81000000,1", "z1,ffffffff81000000,1"]);
  });

  test("that refuses, or is gone, is told of", async () => {
    const path = await server("refuses", (words, socket) => {
      if (words.startsWith("z")) socket.destroy();
      else socket.write("+$E22#a9");
    });
    using stub = await GdbStub.connect(path, { within: "10s", signal });
    await expect(stub.breakAt(1n, { signal })).rejects.toThrow("refused Z1,1,1: E22");
    await expect(stub.forget(1n, { signal })).rejects.toThrow("closed its gdb server");
  });
});
