import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { InfraError } from "../../src/base/errors.ts";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { parseRegistryAddress } from "../../src/base/registry-address.ts";
import { readSettings } from "../../src/base/settings.ts";
import type { PartName } from "../../src/lab/take.ts";
import { installUntilSettled, needsToMake, setUpForRepro } from "../../src/setup/for-repro.ts";
import { findManager, findNeeds, howToInstall, installMissing } from "../../src/setup/install.ts";
import { installLine, namePackages, packageManagers } from "../../src/setup/managers.ts";
import { needs, needsFor, packagesFor } from "../../src/setup/needs.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dstate-managers-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** A host on whose path there is one program and nothing else. */
async function hostWith(program: string, events: ProgressEvent[] = []): Promise<Context> {
  const path = await mkdtemp(join(folder, "bin-"));
  await writeFile(join(path, program), "#!/bin/sh\necho called >&2; exit 1\n");
  await chmod(join(path, program), 0o755);
  return {
    settings: { ...readSettings(), path },
    progress: (event) => void events.push(event),
    signal: AbortSignal.timeout(60_000),
  };
}

describe.each(packageManagers)("the packages of $systems", (manager) => {
  test("are found by its program", async () => {
    expect(await findManager(await hostWith(manager.program))).toBe(manager);
  });

  test("have a name or none for every need, and no name for what dstate does not need", () => {
    const all = packagesFor(needs);
    const { names, none } = namePackages(manager, all);
    expect(names.length + none.length).toBeGreaterThan(20);
    expect(Object.keys(manager.names).filter((name) => !all.includes(name))).toEqual([]);
    expect(names.every((name) => /^[a-z0-9][a-z0-9_.+-]+$/.test(name))).toBe(true);
  });

  test("are one line to copy, which says whether it was tried", () => {
    const said = howToInstall(manager, ["g++", "qemu-utils"]);
    expect(said).toContain(installLine(manager, namePackages(manager, ["g++", "qemu-utils"]).names));
    expect(said.includes("not tried")).toBe(manager.state === "untried");
  });
});

test("a host of an untried kind is told its line, and nothing is installed on it", async () => {
  const error = await installMissing(await hostWith("dnf")).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InfraError);
  expect((error as InfraError).message).toContain("dstate installs none here by itself");
  // newuidmap is in Fedora's shadow-utils, and a package is named once.
  expect((error as InfraError).next).toMatch(/^As root, run: dnf install -y \S.* qemu-img .*shadow-utils/);
});

test("what a system has no package for is named, and is no line to copy", () => {
  const pacman = packageManagers.find(({ program }) => program === "pacman");
  const said = howToInstall(pacman, ["mmdebstrap"]);
  expect(said).not.toContain("As root");
  expect(said).toContain("Arch Linux has no package for Debian's mmdebstrap.");
});

test("a host without a manager goes on, and is told what is missing", async () => {
  const events: ProgressEvent[] = [];
  const { installed, missing } = await installMissing(await hostWith("emerge", events));
  expect(installed).toEqual([]);
  expect(missing).toContain("mmdebstrap");
  expect(events).toContainEqual({ type: "note", text: expect.stringContaining("mmdebstrap") });
});

test("a host with PostgreSQL's client alone has no server for the tests", async () => {
  const [found] = (await findNeeds(await hostWith("psql"), ["servers"])).filter(
    ({ need }) => need.package === "postgresql",
  );
  // Debian's own place may have one on the host of this test.
  expect(found?.path ?? "/postgres").toMatch(/\/postgres$/);
  const [there] = (await findNeeds(await hostWith("postgres"), ["servers"])).filter(
    ({ need }) => need.package === "postgresql",
  );
  expect(there?.path).toMatch(/bin-\w+\/postgres$/);
});

describe("what a host needs for a repro whose parts", () => {
  const cellOf = (kernel: string) =>
    ({ kernel, node: undefined, env: {}, image: "debian", axes: {} }) as const;
  const packages = (...parts: Parameters<typeof needsToMake>[0]): string[] =>
    packagesFor(needsFor(["machines", ...needsToMake(parts, [cellOf("6.1.115")])]));

  test("are all there is no compiler, and nothing to make an image with", () => {
    expect(packages()).toEqual(["coreutils", "qemu-system-x86", "qemu-utils", "util-linux"]);
  });

  test("lack the kernel is a compiler, unless it is a package's", () => {
    expect(packages("kernel")).toEqual(expect.arrayContaining(["gcc", "libelf-dev", "make"]));
    expect(needsToMake(["kernel"], [cellOf("deb:6.12.43")])).toEqual(["kernel packages"]);
  });

  test("lack the image is mmdebstrap, and the workload what compiles workloads", () => {
    expect(packages("image")).toContain("mmdebstrap");
    expect(packages("workload")).toContain("g++");
    expect(packages("image", "workload")).not.toContain("bison");
  });
});

test("who may not install is told in one line what is needed to make all that is nowhere", async () => {
  // A host that is told what to install, and a registry that nobody answers for.
  const context = await hostWith("dnf");
  const cell = { kernel: "6.1.115", node: undefined, env: {}, image: "debian", axes: {} } as const;
  for (const registry of [undefined, "oci://127.0.0.1:1/team/cache"]) {
    const settings = {
      ...context.settings,
      cacheDir: join(folder, "cache"),
      cacheRegistry: registry === undefined ? undefined : parseRegistryAddress(registry),
    };
    const error = await setUpForRepro({ id: "x" }, [cell], { ...context, settings }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InfraError);
    const { next } = error as InfraError;
    for (const name of ["qemu-system-x86", "bison", "mmdebstrap"]) expect(next).toContain(name);
    expect(next).not.toContain("gdb");
  }
});

test("a kernel of another host's compiler is one to build here, once a compiler came for a workload", async () => {
  const host = new Set<string>();
  const done = await installUntilSettled(["workload"], {
    install: async (parts) => {
      const wanted = parts.includes("kernel") ? ["g++", "bison"] : ["g++"];
      const installed = wanted.filter((name) => !host.has(name));
      for (const name of installed) host.add(name);
      return { installed, missing: [] };
    },
    look: async () => (host.has("g++") ? (["kernel", "workload"] satisfies PartName[]) : ["workload"]),
  });
  expect(done).toEqual({ installed: ["g++", "bison"], missing: [], toMake: ["workload", "kernel"] });
});
