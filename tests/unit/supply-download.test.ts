import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { download, UnreachableError } from "../../src/supply/download.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address ? `http://127.0.0.1:${address.port}/file` : "";
}

const { signal } = new AbortController();
const body = Buffer.alloc(3_000_000, "linux");
const sha256 = createHash("sha256").update(body).digest("hex");

describe("a download", () => {
  test("is whole, hashed on the way, and tells how far it is", async () => {
    const url = await serve((_request, response) =>
      response.setHeader("content-length", body.length).end(body),
    );
    const shares: number[] = [];
    const to = join(dir, "file");
    const onProgress = ({ share }: { share?: number }): void =>
      void (share !== undefined && shares.push(share));
    expect(await download(url, { to, signal, sha256, onProgress })).toEqual({
      type: "done",
      bytes: body.length,
      sha256,
    });
    expect(await readFile(to)).toEqual(body);
    expect(await readdir(dir)).toEqual(["file"]);
    expect(shares.length).toBeGreaterThan(0);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
  });

  test("of a file that does not exist is no failure", async () => {
    const url = await serve((_request, response) => response.writeHead(404).end("no"));
    expect(await download(url, { to: join(dir, "file"), signal })).toEqual({ type: "missing" });
    expect(await readdir(dir)).toEqual([]);
  });

  test("with another sha256 than expected is refused and removed", async () => {
    const url = await serve((_request, response) => response.end("something else"));
    const broken = download(url, { to: join(dir, "file"), signal, sha256 });
    await expect(broken).rejects.toThrow(/is not the file expected: its sha256 is [0-9a-f]{64}, not/);
    await expect(broken).rejects.not.toBeInstanceOf(UnreachableError);
    expect(await readdir(dir)).toEqual([]);
  });

  test("that breaks off is refused and removed", async () => {
    const url = await serve((_request, response) => {
      response
        .setHeader("content-length", body.length)
        .write(body.subarray(0, 1_000_000), () => response.destroy());
    });
    const broken = download(url, { to: join(dir, "file"), signal, sha256 });
    await expect(broken).rejects.toThrow(/broke off after \d+ of 3000000 bytes/);
    await expect(broken).rejects.toBeInstanceOf(InfraError);
    expect(await readdir(dir)).toEqual([]);
  });

  test("from a server that falls silent ends", async () => {
    const url = await serve((_request, response) => void response.write("a little"));
    const silent = download(url, { to: join(dir, "file"), signal, silence: "50ms" });
    await expect(silent).rejects.toThrow(InfraError);
    expect(await readdir(dir)).toEqual([]);
  });

  test("from a server in trouble or none at all says that another place may do", async () => {
    const trouble = await serve((_request, response) => response.writeHead(503).end());
    await expect(download(trouble, { to: join(dir, "a"), signal })).rejects.toThrow(UnreachableError);
    await expect(download(trouble, { to: join(dir, "a"), signal })).rejects.toThrow("HTTP status 503");
    const nobody = "http://127.0.0.1:1/file";
    await expect(download(nobody, { to: join(dir, "b"), signal })).rejects.toThrow(UnreachableError);
  });

  test("stops at once when its signal aborts, with the reason given", async () => {
    const controller = new AbortController();
    const reason = new Error("the user has had enough");
    const url = await serve((_request, response) => {
      response.write("a little");
      controller.abort(reason);
    });
    await expect(download(url, { to: join(dir, "file"), signal: controller.signal })).rejects.toBe(reason);
    expect(await readdir(dir)).toEqual([]);
  });

  test("onto a full disk says so and leaves nothing", async () => {
    const url = await serve((_request, response) => response.end(body));
    // Writing to /dev/full fails as writing to a full disk does.
    const { symlink } = await import("node:fs/promises");
    await symlink("/dev/full", join(dir, "file.part"));
    await expect(download(url, { to: join(dir, "file"), signal })).rejects.toThrow(/the disk is full/);
    expect(await readdir(dir)).toEqual([]);
  });
});
