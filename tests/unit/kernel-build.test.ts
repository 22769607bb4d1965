import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { lockFile } from "../../src/base/lock.ts";
import { BuildError, type BuildOptions, buildKernel } from "../../src/kernel/build.ts";
import { parseFragment } from "../../src/kernel/configuration.ts";

/** Answers the two targets as Kbuild does, in a second instead of minutes. */
const makefile = `
allnoconfig:
	cp $(KCONFIG_ALLCONFIG) $(O)/.config
vmlinux:
	@for object in $(OBJECTS); do echo "  CC      $$object"; done
	$(TROUBLE)
	mkdir -p $(O)/include/config
	echo 6.1.115$(LOCALVERSION) > $(O)/include/config/kernel.release
	echo "$(KBUILD_BUILD_USER) $(KBUILD_BUILD_TIMESTAMP)" > $(O)/vmlinux
	echo map > $(O)/System.map
`;

const haveMake = spawnSync("make", ["--version"]).status === 0;

describe.runIf(haveMake)("a build", () => {
  let dir = "";
  const shares: number[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
    shares.length = 0;
  });

  async function prepare(variables: string, changes: Partial<BuildOptions> = {}): Promise<BuildOptions> {
    const source = join(dir, "source");
    await mkdir(source);
    await writeFile(join(source, "Makefile"), variables + makefile);
    return {
      source,
      objects: join(dir, "objects"),
      out: join(dir, "out"),
      options: parseFragment("CONFIG_A=y"),
      name: "6.1.115",
      failureLog: join(dir, "logs", "build.log"),
      step: { update: ({ share }) => void (share !== undefined && shares.push(share)), note: () => {} },
      signal: new AbortController().signal,
      ...changes,
    };
  }

  test("yields the ELF image, its symbols, its configuration and the end of the log", async () => {
    const build = await prepare("OBJECTS = a.o b.o c.o");
    expect(await buildKernel(build)).toEqual({ version: "6.1.115", objects: 3, incremental: false });
    expect((await readdir(build.out)).sort()).toEqual(["System.map", "build.log", "config", "vmlinux"]);
    expect(await readFile(join(build.out, "config"), "utf8")).toBe("CONFIG_A=y\n");
    expect(await readFile(join(build.out, "build.log"), "utf8")).toContain("CC      b.o");
  });

  test("holds the lock of what it builds in, as long as anything of it runs", async () => {
    const path = join(dir, "lock");
    await using lock = await lockFile(path, { within: "50s", signal: new AbortController().signal });
    const isHeld = `OBJECTS = a.o\nTROUBLE = test /proc/self/fd/3 -ef ${path}\n`;
    expect((await buildKernel(await prepare(isHeld, { lock }))).objects).toBe(1);
  });

  test("does not depend on who builds or when", async () => {
    const build = await prepare("");
    await buildKernel(build);
    expect(await readFile(join(build.out, "vmlinux"), "utf8")).toBe("dstate 1970-01-01\n");
  });

  test("counts objects against an earlier build, and never calls itself done before it is", async () => {
    const build = await prepare("OBJECTS = a.o b.o c.o d.o", { expected: 3 });
    await buildKernel(build);
    expect(shares.at(-1)).toBe(0.99);
    expect(Math.max(...shares)).toBe(0.99);
  });

  test("that fails says so and keeps its whole log as evidence", async () => {
    const build = await prepare(
      "OBJECTS = a.o\nTROUBLE = echo fork.c: error: expected a semicolon >&2; false\n",
    );
    const failed = buildKernel(build);
    await expect(failed).rejects.toThrow(/Linux 6\.1\.115 could not be built.*/s);
    await expect(failed).rejects.toThrow("expected a semicolon");
    await expect(failed).rejects.toHaveProperty("evidence", build.failureLog);
    expect(await readFile(build.failureLog, "utf8")).toContain("CC      a.o");
  });

  test("that a compiler objects to is told from one that fails otherwise", async () => {
    const build = await prepare(
      "OBJECTS = a.o\nTROUBLE = echo kernel/fork.c:7:1: error: expected a semicolon >&2; false\n",
    );
    const failed = buildKernel(build);
    await expect(failed).rejects.toThrow(
      "could not be built: kernel/fork.c:7:1: error: expected a semicolon",
    );
    await expect(failed).rejects.toHaveProperty(
      "compilerError",
      "kernel/fork.c:7:1: error: expected a semicolon",
    );
  });

  test.each(["write error: No space left on device", "/bin/sh: 1: flex: not found"])(
    "that the host lets down (%s) says nothing of the source",
    async (trouble) => {
      const build = await prepare(`OBJECTS = a.o\nTROUBLE = @echo "${trouble}" >&2; false\n`);
      const failed = buildKernel(build);
      await expect(failed).rejects.toThrow(InfraError);
      await expect(failed).rejects.not.toThrow(BuildError);
    },
  );

  test.each([
    "arch/x86/mm/init.c:1079:1: fatal error: closing dependency file a.d: No space left on device",
    "exec-cmd.c:213:1: fatal error: error writing to /tmp/cc.s: No space left on device",
    "mm/slub.c:9:1: fatal error: error writing to /tmp/cc.s: Disk quota exceeded",
    "mm/slub.c:9:1: fatal error: opening output file a.o: Read-only file system",
    "gcc: fatal error: Killed signal terminated program cc1",
    "fs/read.c:1:1: fatal error: a.h: Input/output error",
    "ld: final link failed: No space left on device",
    "cc1: out of memory allocating 65536 bytes after a total of 1 bytes",
  ])("whose compiler was let down by the host (%s) blames no line of the source", async (said) => {
    const failed = buildKernel(await prepare(`OBJECTS = a.o\nTROUBLE = @echo "${said}" >&2; false\n`));
    await expect(failed).rejects.not.toThrow(BuildError);
    await expect(failed).rejects.toHaveProperty("next", expect.stringMatching(/\w/));
  });

  test("that a compiler objects to is the source's fault, whatever words the source holds", async () => {
    const said = 'fs/x.c:7:1: error: expected a semicolon\\n    7 |   "No space left on device"';
    const failed = buildKernel(await prepare(`OBJECTS = a.o\nTROUBLE = @printf '${said}\\n' >&2; false\n`));
    await expect(failed).rejects.toThrow(BuildError);
  });

  test("speaks English on a host of another language", async () => {
    vi.stubEnv("LANG", "de_DE.UTF-8");
    vi.stubEnv("LC_ALL", "de_DE.UTF-8");
    vi.stubEnv("LANGUAGE", "de");
    onTestFinished(() => void vi.unstubAllEnvs());
    // As the kernel's Makefile does.
    const build = await prepare(
      'unexport LC_ALL\nTROUBLE = @echo "$$LANG/$$LC_MESSAGES/$$LANGUAGE/$$LC_ALL" >&2; false\n',
    );
    await expect(buildKernel(build)).rejects.toThrow();
    expect(await readFile(build.failureLog, "utf8")).toContain("C.UTF-8/C.UTF-8//\n");
  });

  test("whose configuration did not come out as asked does not even start", async () => {
    const build = await prepare("override KCONFIG_ALLCONFIG = /dev/null\n");
    const failed = buildKernel(build);
    await expect(failed).rejects.toThrow(InfraError);
    await expect(failed).rejects.toThrow("CONFIG_A=y (is n)");
    expect(await readFile(build.failureLog, "utf8")).not.toContain("System.map");
  });

  test("stops when its signal aborts, without a log of something that did not fail", async () => {
    const controller = new AbortController();
    const reason = new Error("the user has had enough");
    const build = await prepare("OBJECTS = a.o\nTROUBLE = sleep 60\n", {
      signal: controller.signal,
      step: { update: ({ share }) => void (share && controller.abort(reason)), note: () => {} },
    });
    await expect(buildKernel(build)).rejects.toBe(reason);
    expect(await readdir(dir)).not.toContain("logs");
  });
});
