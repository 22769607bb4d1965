import { spawnSync } from "node:child_process";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createTar } from "nanotar";
import { guestPlatform } from "../../src/platform/platforms.ts";

/*
 * Packages and signed repositories of our own, in the formats of distributions: what those would serve, made by us out
 * of any files, so that it can also be made wrong.
 */

const { machineName, debianArchitecture } = guestPlatform;

/** Run a program, and say why when it fails. */
export function run(argv: readonly string[], options: { cwd?: string; input?: Buffer } = {}): Buffer {
  const [program = "", ...rest] = argv;
  const made = spawnSync(program, rest, { maxBuffer: 2 ** 30, ...options });
  if (made.status !== 0) throw new Error(`${argv.join(" ")}: ${made.stderr}`);
  return made.stdout;
}

/** A key of gpg that signs, in a folder of its own. */
export class SigningKey {
  readonly home: string;
  /** The public key, as text. */
  readonly file: string;

  constructor(home: string) {
    this.home = home;
    this.file = join(home, "key.asc");
  }

  static async make(home: string): Promise<SigningKey> {
    await mkdir(home, { mode: 0o700, recursive: true });
    const key = new SigningKey(home);
    // Older than a signature that has expired.
    const before = `${Math.floor(Date.now() / 1000) - 10 * 86_400}`;
    key.gpg(
      "--faked-system-time",
      before,
      "--quick-generate-key",
      "packages@example.test",
      "ed25519",
      "sign",
      "never",
    );
    await writeFile(key.file, key.gpg("--armor", "--export"));
    return key;
  }

  gpg(...argv: string[]): Buffer {
    const quiet = ["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    return run(["gpg", "--homedir", this.home, ...quiet, ...argv]);
  }

  /** Sign a file, beside it. `expired`: two days ago, for a day. */
  sign(path: string, signature: string, how: "detached" | "clear", expired = false): void {
    const kind = how === "clear" ? ["--clearsign"] : ["--armor", "--detach-sign"];
    const then = Math.floor(Date.now() / 1000) - 2 * 86_400;
    const age = expired
      ? [
          "--faked-system-time",
          `${then}`,
          "--ignore-time-conflict",
          "--ignore-valid-from",
          "--default-sig-expire",
          "1d",
        ]
      : [];
    this.gpg(...age, ...kind, "--output", signature, path);
  }
}

/** What a repository is asked to do wrong. */
export interface Wrong {
  readonly signature?: "bad" | "expired" | "missing" | undefined;
  /** For an apt archive: until when its index is valid. */
  readonly validUntil?: Date | undefined;
}

/** bsdtar's arguments for a folder, and for a file of it that gets a path which leads out of where it is unpacked. */
function filesOf(root: string, names: readonly string[], leaving: string | undefined): string[] {
  const rename = ["-P", "-s", ",^escaped$,../../../escaped,"];
  return [...(leaving ? rename : []), "-C", root, ...names, ...(leaving ? ["-C", leaving, "escaped"] : [])];
}

/** A folder of files as an rpm. `leaving`: with the file `escaped` of that folder. @see https://rpm-software-management.github.io/rpm/manual/format_v4.html */
export function makeRpm(root: string, to: string, leaving?: string): Promise<void> {
  const lead = Buffer.alloc(96);
  Buffer.from("edabeedb0300", "hex").copy(lead);
  lead.writeUInt16BE(5, 78);
  // Headers with nothing in them: a reader of files steps over them.
  const header = Buffer.from("8eade801000000000000000000000000", "hex");
  const payload = run([
    "bsdtar",
    "-c",
    "-f",
    "-",
    "--format",
    "newc",
    "--uid",
    "0",
    "--gid",
    "0",
    ...filesOf(root, ["."], leaving),
  ]);
  return writeFile(to, Buffer.concat([lead, header, header, gzipSync(payload)]));
}

/** A folder of files as a package of pacman. */
export async function makeArch(root: string, to: string, leaving?: string): Promise<void> {
  const names = await readdir(root);
  await writeFile(to, zstdCompressSync(run(["bsdtar", "-c", "-f", "-", ...filesOf(root, names, leaving)])));
}

/** A folder of files as a package of dpkg. */
export async function makeDeb(root: string, to: string, leaving?: string): Promise<void> {
  const work = `${to}.work`;
  await mkdir(work);
  run(["bsdtar", "-c", "-J", "-f", join(work, "data.tar.xz"), ...filesOf(root, ["."], leaving)]);
  run([
    "bsdtar",
    "-c",
    "-J",
    "-f",
    join(work, "control.tar.xz"),
    "-C",
    work,
    "--exclude",
    "data.tar.xz",
    ".",
  ]);
  await writeFile(join(work, "debian-binary"), "2.0\n");
  run(["ar", "rc", to, "debian-binary", "control.tar.xz", "data.tar.xz"], { cwd: work });
}

/** A part of an apk: a tar without an end, packed. */
function segment(files: { name: string; data: Uint8Array | string }[]): Buffer {
  let tar = Buffer.from(createTar(files));
  while (tar.length > 0 && tar.subarray(-512).every((byte) => byte === 0)) tar = tar.subarray(0, -512);
  return gzipSync(tar);
}

/** A key that signs for apk: its name, and its two halves. */
export const apkKey = {
  name: "test@example.test-0123abcd.rsa.pub",
  ...generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }),
};

function apkSignature(signed: Buffer): Buffer {
  const data = createSign("sha1").update(signed).sign(apkKey.privateKey);
  return segment([{ name: `.SIGN.RSA.${apkKey.name}`, data }]);
}

/** A folder of files as a package of apk. @returns what an index says of it. */
export async function makeApk(root: string, to: string, leaving?: string): Promise<string> {
  const names = await readdir(root);
  const data = gzipSync(run(["bsdtar", "-c", "-f", "-", ...filesOf(root, names, leaving)]));
  const hash = createHash("sha256").update(data).digest("hex");
  const control = segment([{ name: ".PKGINFO", data: `pkgname = linux-lts\ndatahash = ${hash}\n` }]);
  await writeFile(to, Buffer.concat([apkSignature(control), control, data]));
  return `Q1${createHash("sha1").update(control).digest("base64")}`;
}

const sha256 = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

/** An rpm repository below a server's folder, with the package `kernel-core`. */
export async function makeRpmRepository(
  dir: string,
  rpm: string,
  version: string,
  key: SigningKey,
  wrong: Wrong = {},
): Promise<void> {
  const root = join(dir, "releases/42/Everything", machineName, "os");
  await mkdir(join(root, "repodata"), { recursive: true });
  await mkdir(join(root, "Packages"));
  await copyFile(rpm, join(root, "Packages/kernel-core.rpm"));
  const [ver, rel] = version.split("-");
  const other = `<package type="rpm"><name>bash</name><version epoch="0" ver="5" rel="1"/></package>`;
  const primary = gzipSync(
    `<?xml version="1.0"?><metadata packages="2">${other}<package type="rpm"><name>kernel-core</name><arch>${machineName}</arch>` +
      `<version epoch="0" ver="${ver}" rel="${rel}"/><checksum type="sha256" pkgid="YES">${await sha256(rpm)}</checksum>` +
      `<location href="Packages/kernel-core.rpm"/></package></metadata>`,
  );
  await writeFile(join(root, "repodata/primary.xml.gz"), primary);
  const sum = createHash("sha256").update(primary).digest("hex");
  const list = join(root, "repodata/repomd.xml");
  await writeFile(
    list,
    `<repomd><data type="filelists"/><data type="primary"><checksum type="sha256">${sum}</checksum><location href="repodata/primary.xml.gz"/></data></repomd>`,
  );
  await signBeside(list, `${list}.asc`, key, wrong);
}

async function signBeside(path: string, signature: string, key: SigningKey, wrong: Wrong): Promise<void> {
  if (wrong.signature === "missing") return;
  key.sign(path, signature, "detached", wrong.signature === "expired");
  if (wrong.signature === "bad") await writeFile(path, `${await readFile(path, "utf8")} `);
}

/** A repository of apk below a server's folder, with the package `linux-lts`. */
export async function makeApkRepository(
  dir: string,
  apk: string,
  version: string,
  sum: string,
  wrong: Wrong = {},
): Promise<void> {
  const root = join(dir, "v3.20/main", machineName);
  await mkdir(root, { recursive: true });
  await copyFile(apk, join(root, `linux-lts-${version}.apk`));
  const index = segment([
    { name: "DESCRIPTION", data: "test" },
    {
      name: "APKINDEX",
      data: `C:Q1AAAA\nP:busybox\nV:1\n\nC:${sum}\nP:linux-lts\nV:${version}\nA:${machineName}\n\n`,
    },
  ]);
  const signature = wrong.signature === "missing" ? [] : [apkSignature(index)];
  const rest =
    wrong.signature === "bad" ? segment([{ name: "APKINDEX", data: `C:${sum}\nP:linux-lts\nV:9\n` }]) : index;
  await writeFile(join(root, "APKINDEX.tar.gz"), Buffer.concat([...signature, rest]));
}

/** A repository of pacman below a server's folder, with the package `linux`. */
export async function makeArchRepository(
  dir: string,
  file: string,
  version: string,
  key: SigningKey,
  wrong: Wrong = {},
): Promise<void> {
  const root = join(dir, "core/os", machineName);
  await mkdir(join(root, "db"), { recursive: true });
  const name = `linux-${version}-${machineName}.pkg.tar.zst`;
  await copyFile(file, join(root, name));
  await signBeside(join(root, name), join(root, `${name}.sig`), key, wrong);
  const folder = `linux-${version}`;
  await mkdir(join(root, "db", folder));
  await writeFile(
    join(root, "db", folder, "desc"),
    `%FILENAME%\n${name}\n\n%NAME%\nlinux\n\n%VERSION%\n${version}\n\n`,
  );
  run(["bsdtar", "-c", "-z", "-f", join(root, "core.db"), "-C", join(root, "db"), folder]);
}

/** An apt archive below a server's folder, with the package of a kernel's build. */
export async function makeAptArchive(
  dir: string,
  deb: string,
  build: string,
  key: SigningKey,
  wrong: Wrong = {},
  { suite: name = "noble", image = `linux-image-${build}-generic` } = {},
): Promise<void> {
  const suite = join(dir, "dists", name);
  const binary = `main/binary-${debianArchitecture}`;
  await mkdir(join(suite, binary), { recursive: true });
  await mkdir(join(dir, "pool"));
  await copyFile(deb, join(dir, "pool", basename(deb)));
  await writeFile(
    join(suite, binary, "Packages"),
    `Package: ${image}\nVersion: ${build}.99\nFilename: pool/${basename(deb)}\nSize: 20971520\nSHA256: ${await sha256(deb)}\n\n`,
  );
  run(["xz", join(suite, binary, "Packages")]);
  const packed = join(suite, binary, "Packages.xz");
  const until = wrong.validUntil ? `Valid-Until: ${wrong.validUntil.toUTCString()}\n` : "";
  const release = join(suite, "Release");
  await writeFile(
    release,
    `Suite: noble\n${until}SHA256:\n ${await sha256(packed)} ${(await stat(packed)).size} ${binary}/Packages.xz\n`,
  );
  const signed = join(suite, "InRelease");
  key.sign(release, signed, "clear", wrong.signature === "expired");
  if (wrong.signature === "bad")
    await writeFile(signed, (await readFile(signed, "utf8")).replace("noble", "nobel"));
}

/** A server for a folder, at 127.0.0.1. */
export async function serve(dir: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const path = join(dir, new URL(request.url ?? "", "http://x").pathname);
    void stat(path).then(
      (found) => {
        if (!found.isFile()) return response.writeHead(404).end();
        response.writeHead(200, { "content-length": found.size });
        return createReadStream(path).pipe(response);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Write files below a folder. */
export async function writeFiles(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
}
