import { describe, expect, expectTypeOf, test } from "vitest";
import { platformVariables } from "../../src/kernel/build.ts";
import { packagesOf } from "../../src/kernel/debian-index.ts";
import { probeArguments } from "../../src/machine/accelerator.ts";
import { qemuArguments } from "../../src/machine/argv.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { guestPlatform, type platforms } from "../../src/platform/platforms.ts";

/** Words that only x86-64 has. */
const words = /x86|amd64|ttyS\d|\bq35\b|vmgenid,/i;

describe("what depends on the architecture", () => {
  test("is said in whole: a row that leaves a word out does not compile", () => {
    expectTypeOf<(typeof platforms)[keyof typeof platforms]>().toEqualTypeOf<Platform>();
    expectTypeOf<Omit<Platform, "console">>().not.toExtend<Platform>();
    expectTypeOf<Omit<Platform, "registers">>().not.toExtend<Platform>();
  });
});

/** A row as it would be for another architecture; nothing boots with it. */
const other: Platform = {
  ...guestPlatform,
  name: "arm64",
  qemu: {
    program: "qemu-system-aarch64",
    debianPackage: "qemu-system-arm",
    userProgram: "qemu-aarch64",
    otherPackages: {
      dnf: { program: "qemu-system-aarch64-core", userProgram: "qemu-user" },
      pacman: { program: "qemu-system-aarch64", userProgram: "qemu-user" },
      zypper: { program: "qemu-arm", userProgram: "qemu-linux-user" },
      apk: { program: "qemu-system-aarch64", userProgram: "qemu-aarch64" },
    },
    machine: "virt,gic-version=3",
    plainMachine: "virt",
    processor: { tcg: "max,pauth-impdef=on", kvm: "host" },
    leftOutFeatures: [],
    generationDevices: [],
    steppable: [],
  },
  console: "ttyAMA0",
  kernelParameters: { tcg: [], kvm: [], recorded: [] },
  kernelBuild: {
    arch: "arm64",
    archFolder: "arm64",
    compilerPrefix: "aarch64-linux-gnu-",
    target: "Image",
    image: "arch/arm64/boot/Image",
  },
  debianArchitecture: "arm64",
};

describe("another row is another architecture", () => {
  test("to QEMU", () => {
    const argv = qemuArguments({
      platform: other,
      accelerator: { type: "tcg" },
      cpus: 2,
      memory: 2 ** 30,
      kernel: "/Image",
      commandLine: "",
      disks: [],
      qmpSocket: "/q",
      console: "/c",
      commandsSocket: "/d",
      errorsSocket: "/e",
      network: "isolated",
    }).join(" ");
    expect(argv).toContain(
      "-machine virt,gic-version=3 -accel tcg,thread=multi -cpu max,pauth-impdef=on -smp",
    );
    expect(argv).not.toMatch(words);
  });

  test("to the probe of what accelerates it", () => {
    const argv = probeArguments("/Image", other).join(" ");
    expect(argv).toContain("-machine virt ");
    expect(argv).toContain("console=ttyAMA0 ");
    expect(argv).not.toMatch(words);
  });

  test("to make", () => {
    expect(platformVariables(other.kernelBuild)).toEqual(["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"]);
    expect(platformVariables(guestPlatform.kernelBuild)).toEqual(["ARCH=x86_64", "CROSS_COMPILE="]);
  });

  test("to Debian's index", () => {
    const stanza = (name: string): string =>
      `Package: ${name}\nVersion: 6.1.192-1\nFilename: pool/x.deb\nSize: 1\nSHA256: 00\n`;
    const index = ["6.1.0-55-amd64", "6.1.0-55-arm64", "6.1.0-55-cloud-arm64"].map((release) =>
      stanza(`linux-image-${release}`),
    );
    const from = { root: "http://mirror.test/debian", suite: "bookworm" };
    const namesFor = (platform?: Platform): string[] =>
      packagesOf(index.join("\n"), from, platform).map(({ name }) => name);
    expect(namesFor(other)).toEqual(["linux-image-6.1.0-55-arm64"]);
    expect(namesFor()).toEqual(["linux-image-6.1.0-55-amd64"]);
  });
});

describe("x86-64", () => {
  test("an emulated processor without ERMS has no FSRM either, which old kernels take to imply it", () => {
    const names = guestPlatform.qemu.leftOutFeatures.map(({ name }) => name);
    expect(names.includes("erms")).toBe(true);
    expect(names.includes("fsrm")).toBe(true);
    // QEMU 7.2 ends at once for a name that it does not know.
    expect(names).not.toContain("fzrm");
  });
});
