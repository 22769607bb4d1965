import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { NotThereError } from "../../src/base/store-errors.ts";
import {
  choosePackagedKernel,
  packagedKernels,
  unknownPackagedKernel,
} from "../../src/kernel/choose-package.ts";
import { type KernelPackage, packagesOf, sourcesOf } from "../../src/kernel/debian-index.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { hashedFiles, parseStanza, stanzasOfPackages } from "../../src/supply/deb822.ts";
import { rootsOfIndexTargets } from "../../src/supply/debian-roots.ts";
import { hasGoodSignature } from "../../src/supply/signature.ts";

const hash = "0123456789abcdef".repeat(4);
const from = { root: "http://mirror.test/debian", suite: "bookworm" };

function stanza(name: string, version: string, { size = 60_000_000, depends = "kmod" } = {}): string {
  return [
    `Package: ${name}`,
    `Version: ${version}`,
    `Depends: ${depends}`,
    `Filename: pool/main/l/linux/${name}_${version}_amd64.deb`,
    `Size: ${size}`,
    `SHA256: ${hash}`,
    "",
    "",
  ].join("\n");
}

const index = [
  stanza("linux-doc-6.1", "6.1.192-1"),
  stanza("linux-image-amd64", "6.1.192-1", { size: 1500 }),
  stanza("linux-image-6.1.0-55-amd64-unsigned", "6.1.192-1"),
  stanza("linux-image-6.1.0-55-amd64", "6.1.192-1"),
  stanza("linux-image-6.1.0-55-cloud-amd64", "6.1.192-1"),
  stanza("linux-image-6.1.0-55-rt-amd64", "6.1.192-1"),
  stanza("linux-image-6.1.0-55-amd64-dbg", "6.1.192-1"),
  stanza("linux-image-6.1-amd64", "6.1.192-1", {
    size: 1492,
    depends: "linux-image-6.1.0-55-amd64 (= 6.1.192-1)",
  }),
  stanza("linux-image-6.1.0-9-amd64", "6.1.27-1"),
  stanza("linux-image-6.12.43+deb12-amd64", "6.12.43-1~bpo12+1"),
  stanza("linux-image-6.12.43+deb13-amd64", "6.12.43-1"),
  stanza("linux-image-6.12.9+deb13-amd64-unsigned", "6.12.9-1"),
  stanza("linux-base-7.2.12+deb13-amd64", "7.2.12-1", { size: 1_000_000 }),
  stanza("linux-binary-7.2.12+deb13-amd64", "7.2.12-1", { size: 14_000_000 }),
  stanza("linux-modules-7.2.12+deb13-amd64", "7.2.12-1"),
  stanza("linux-image-7.2.12+deb13-amd64", "7.2.12-1", {
    size: 1900,
    depends:
      "initramfs-tools, linux-base-7.2.12+deb13-amd64 (= 7.2.12-1), " +
      "linux-binary-7.2.12+deb13-amd64 (= 7.2.12-1), linux-modules-7.2.12+deb13-amd64 (= 7.2.12-1)",
  }),
  stanza("linux-image-7.3.1+deb13-amd64", "7.3.1-1", {
    size: 1900,
    depends: "linux-binary-7.3.1+deb13-amd64 (= 7.3.1-1)",
  }),
].join("");

const kernels = packagedKernels(packagesOf(index, from));

describe("the kernels of a Debian index", () => {
  test("are those for ordinary PCs that are there with all their parts", () => {
    expect(kernels.map(({ version }) => version)).toEqual([
      "6.1.27-1",
      "6.1.192-1",
      "6.12.9-1",
      "6.12.43-1~bpo12+1",
      "6.12.43-1",
      "7.2.12-1",
    ]);
  });

  const partsOf = (version: string): string[] | undefined =>
    choosePackagedKernel(version, kernels)?.parts.map(({ name }: KernelPackage) => name);

  test.each([
    ["a signed image before an unsigned one", "6.1.192", ["linux-image-6.1.0-55-amd64"]],
    ["an unsigned image where there is no other", "6.12.9", ["linux-image-6.12.9+deb13-amd64-unsigned"]],
    ["the newest of a line, by number", "6.1", ["linux-image-6.1.0-55-amd64"]],
    ["the newest packaging of an upstream version", "6.12.43", ["linux-image-6.12.43+deb13-amd64"]],
    ["a full Debian version to the letter", "6.12.43-1~bpo12+1", ["linux-image-6.12.43+deb12-amd64"]],
    [
      "every package of a kernel that is cut into several",
      "7.2",
      [
        "linux-base-7.2.12+deb13-amd64",
        "linux-binary-7.2.12+deb13-amd64",
        "linux-modules-7.2.12+deb13-amd64",
      ],
    ],
    ["nothing for a version that is not there", "6.1.19", undefined],
    ["nothing for a line that only starts alike", "6.2", undefined],
  ])("yield %s", (_case, wanted, parts) => {
    expect(partsOf(wanted)).toEqual(parts);
  });

  test("that exist are named when one is asked for that does not", () => {
    const error = unknownPackagedKernel("6.1.193", kernels);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.next).toContain("Near it there are: deb:6.1.192, deb:6.1.27");
  });

  test("come with the URL, size and sha256 the index gives", () => {
    expect(choosePackagedKernel("6.1.27", kernels)?.parts[0]?.file).toEqual({
      url: "http://mirror.test/debian/pool/main/l/linux/linux-image-6.1.0-9-amd64_6.1.27-1_amd64.deb",
      size: 60_000_000,
      sha256: hash,
    });
  });
});

test("the tarballs of an index of sources are upstream's kernels, with the sha256 it gives", () => {
  const text = [
    "Package: linux",
    "Directory: pool/main/l/linux",
    "Checksums-Sha1:",
    ` ${"a".repeat(40)} 5 linux_6.1.115.orig.tar.xz`,
    "Checksums-Sha256:",
    ` ${"b".repeat(64)} 4 linux_6.1.115-1.debian.tar.xz`,
    ` ${hash} 5 linux_6.1.115.orig.tar.xz`,
    "",
    "Package: linux-atm",
    "Directory: pool/main/l/linux-atm",
    "Checksums-Sha256:",
    ` ${hash} 5 linux-atm_2.5.1.orig.tar.xz`,
    "",
  ].join("\n");
  expect(sourcesOf(text, from)).toEqual([
    {
      version: "6.1.115",
      file: {
        url: "http://mirror.test/debian/pool/main/l/linux/linux_6.1.115.orig.tar.xz",
        size: 5,
        sha256: hash,
      },
      suite: "bookworm",
    },
  ]);
});

describe("a Debian control file", () => {
  test("has fields that run over several lines", () => {
    expect(parseStanza("A: one\nB:\n two\n  three\nc: four")).toEqual(
      new Map([
        ["a", "one"],
        ["b", "\ntwo\nthree"],
        ["c", "four"],
      ]),
    );
  });

  test("is searched by the start of a package's name, not by mentions of it", () => {
    const text = "Package: a\nDescription: about\n Package: linux-b\n\nPackage: linux-c\nVersion: 1\n";
    expect(stanzasOfPackages(text, "linux-").map((stanza) => stanza.get("package"))).toEqual(["linux-c"]);
  });

  test("lists files with sha256 only", () => {
    const field = `\n${hash} 12 main/a.xz\n${"a".repeat(32)} 12 main/b.xz`;
    expect(hashedFiles(field)).toEqual([{ path: "main/a.xz", size: 12, sha256: hash }]);
  });
});

describe("a signature", () => {
  const line = (word: string): string => `[GNUPG:] ${word} 0E98404D386FA1D9\n`;
  test.each([
    ["a good one", line("NEWSIG") + line("GOODSIG"), true],
    ["a good one beside one of an unknown key", line("GOODSIG") + line("NO_PUBKEY"), true],
    ["a good one beside a bad one", line("GOODSIG") + line("BADSIG"), false],
    ["one of a key that was revoked or has expired", line("REVKEYSIG") + line("VALIDSIG"), false],
    ["only one of an unknown key", line("ERRSIG") + line("NO_PUBKEY"), false],
    ["none", "", false],
    ["text that merely talks of one", "GOODSIG\n", false],
  ])("counts for %s as it should", (_case, status, good) => {
    expect(hasGoodSignature(status)).toBe(good);
  });
});

test("a machine's own apt tells where the archive is, whatever else it downloads from", () => {
  const text = [
    "nodistro http://elsewhere.test/debian",
    "Debian http://mirror.test/debian/",
    "Debian-Security http://other.test/debian-security",
    "",
  ].join("\n");
  expect(rootsOfIndexTargets(text)).toEqual({
    main: "http://mirror.test/debian",
    security: "http://other.test/debian-security",
  });
  expect(rootsOfIndexTargets("Ubuntu http://mirror.test/ubuntu\n")).toBeUndefined();
});

test("who makes nothing asks the archive for no index where none was read yet and there is no registry", async () => {
  const cacheDir = await mkdtemp(join(tmpdir(), "dstate-debian-test-"));
  onTestFinished(async () => await rm(cacheDir, { recursive: true }));
  const take = async (takeOnly: boolean): Promise<unknown> => {
    const nowhere = "http://127.0.0.1:1/debian";
    const settings = { ...readSettings({}), cacheDir, debianMirror: nowhere, takeOnly };
    const context = { settings, progress: silent, signal: new AbortController().signal };
    return await provideKernel(parseKernelSelector("deb:6.1"), context).catch((error: unknown) => error);
  };
  expect(await take(true)).toBeInstanceOf(NotThereError);
  const asked = await take(false);
  expect(asked).toBeInstanceOf(InfraError);
  expect(asked).not.toBeInstanceOf(NotThereError);
});
