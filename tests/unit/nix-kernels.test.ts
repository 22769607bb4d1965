import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readPins } from "../../src/kernel/pins.ts";
import { type NixLab, openNixLab } from "../nix/eval.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const attribute = (version: string): string => `linux-${version.replaceAll(".", "_")}`;
const kernelOf = (version: string): string =>
  `nixosConfigurations.${attribute(version)}.config.boot.kernelPackages.kernel`;

let lab: NixLab;
beforeAll(async () => {
  lab = await openNixLab();
});
afterAll(async () => await lab[Symbol.asyncDispose]());

/** A laboratory with other pins. */
async function labWith(pins: unknown[]): Promise<NixLab> {
  const own = await openNixLab();
  onTestFinished(async () => await own[Symbol.asyncDispose]());
  await own.edit("vm/kernels.json", () => JSON.stringify(pins));
  return own;
}
const provenance = "By a test.";
const sha256 = "ab".repeat(32);

test("every pin gives a system with its version", async () => {
  for (const { version } of await readPins(home))
    expect(await lab.eval(`${kernelOf(version)}.version`)).toBe(version);
});

test("a pin with a sha256 is built from the source that has it", async () => {
  const pins = (await readPins(home)).filter((pin) => pin.sha256 !== null && !pin.nixpkgs);
  expect(pins.length).toBeGreaterThan(0);
  for (const pin of pins) {
    const source = await lab.eval(`${kernelOf(pin.version)}.src`, "src: { inherit (src) urls outputHash; }");
    const debian = `mirror://debian/pool/main/l/linux/linux_${pin.version}.orig.tar.xz`;
    // Debian's pool keeps a superseded source for a while only.
    expect(pin.elsewhere).toMatch(/^https:/);
    expect(source).toEqual({ urls: [pin.url ?? debian, pin.elsewhere], outputHash: pin.sha256 });
  }
});

test("a pin's own URL is where its source comes from", async () => {
  const url = "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.9.9.tar.xz";
  const own = await labWith([{ version: "6.9.9", sha256, url, provenance }, ...(await readPins(home))]);
  expect(await own.eval(`${kernelOf("6.9.9")}.src.urls`)).toEqual([url]);
});

test("a kernel from source has the configuration of dstate's own builds, and what NixOS asks for", async () => {
  expect(
    await lab.eval(
      `${kernelOf("6.1.115")}.config`,
      "config: { inherit (config) CONFIG_IO_URING CONFIG_VIRTIO_BLK CONFIG_MODULES CONFIG_DEFAULT_HUNG_TASK_TIMEOUT; }",
    ),
  ).toEqual({
    CONFIG_IO_URING: "y",
    CONFIG_VIRTIO_BLK: "y",
    // A fragment of dstate's turns modules off; NixOS' comes later and wins.
    CONFIG_MODULES: "y",
    CONFIG_DEFAULT_HUNG_TASK_TIMEOUT: "10",
  });
});

test("what the compiler can do, by which a configuration is made, is not what nixpkgs' wrapper makes of it", async () => {
  expect(await lab.eval(`${kernelOf("6.1.115")}.configfile.hardeningDisable`)).toEqual(["all"]);
});

describe("a pin is refused", () => {
  test("with a sentence that names the command, when it has neither a sha256 nor a nixpkgs revision", async () => {
    const own = await labWith([{ version: "6.9.9", sha256: null, provenance }, ...(await readPins(home))]);
    for (const output of [
      `${kernelOf("6.9.9")}.version`,
      `packages.x86_64-linux.image-${attribute("6.9.9")}.drvPath`,
    ])
      await expect(own.eval(output)).rejects.toThrow(
        "Linux 6.9.9 in vm/kernels.json has neither a sha256 nor a nixpkgs revision: run `dstate kernels pin 6.9.9`",
      );
    // The others are none the worse for it.
    expect(await own.eval(`${kernelOf("6.1.115")}.version`)).toBe("6.1.115");
  });

  test("with both numbers, when its nixpkgs carries another version", async () => {
    const own = await labWith(await readPins(home));
    await own.carry({ linuxPackages_6_6: "6.6.57", linuxPackages_6_12: "6.12.60" });
    await expect(own.eval(`${kernelOf("6.6.58")}.version`)).rejects.toThrow(
      "carries Linux 6.6.58, but its linuxPackages_6_6 is 6.6.57",
    );
  });

  test("when its nixpkgs has no kernel of that line", async () => {
    const own = await labWith(await readPins(home));
    await own.carry({ linuxPackages_6_12: "6.12.60" });
    await expect(own.eval(`${kernelOf("6.6.58")}.version`)).rejects.toThrow("it has no linuxPackages_6_6");
  });
});

test("a new pin with a nixpkgs revision is taken without a word in flake.nix", async () => {
  const own = await labWith([
    ...(await readPins(home)),
    { version: "6.12.60", sha256: null, provenance, nixpkgs: { revision: "d".repeat(40) } },
  ]);
  expect(await own.eval(`${kernelOf("6.12.60")}.version`)).toBe("6.12.60");
  expect(await own.eval("lib.pins.linux-6_12_60.flake")).toBe(`github:NixOS/nixpkgs/${"d".repeat(40)}`);
});

test("no hash is made up: every sha256 that Nix sees is in vm/kernels.json", async () => {
  const drvs = await lab.derivations("packages.x86_64-linux.kernel-linux-6_1_115");
  const pinned = (await readPins(home)).map((pin) => pin.sha256);
  const hashes = drvs.flatMap((text) => /\("outputHash","([^"]+)"\)/.exec(text)?.[1] ?? []);
  expect(hashes.length).toBeGreaterThan(0);
  for (const hash of hashes) expect(pinned).toContain(hash);
});
