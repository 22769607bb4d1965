import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { command } from "../../src/base/command.ts";
import { testContext } from "../../src/vitest/test.ts";
import { type NixLab, openNixLab } from "../nix/eval.ts";
import { nixSuites, provideEvaluator } from "../nix/evaluators.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

/** What each output is asked for: enough that all of it is evaluated. */
const outputs = {
  "packages.x86_64-linux": "builtins.mapAttrs (name: made: made.drvPath)",
  nixosConfigurations: "builtins.mapAttrs (name: system: system.config.system.build.toplevel.drvPath)",
  "checks.x86_64-linux": "builtins.mapAttrs (name: made: made.drvPath)",
  "devShells.x86_64-linux": "builtins.mapAttrs (name: made: made.drvPath)",
  "apps.x86_64-linux": "builtins.mapAttrs (name: app: app.program)",
  formatter: "builtins.mapAttrs (system: made: made.drvPath)",
  nixosModules: "builtins.mapAttrs (name: module: toString module.imports)",
  templates: "builtins.mapAttrs (name: template: toString template.path)",
  lib: "lib: builtins.mapAttrs (name: pin: pin.version) lib.pins",
} as const;

describe.each(["the Nix of this host", ...nixSuites] as const)("with %s", (name) => {
  let bin: string | undefined;
  let lab: NixLab;
  beforeAll(async () => {
    const suite = nixSuites.find((suite) => suite === name);
    const context = await testContext(AbortSignal.timeout(600_000));
    bin = suite && (await provideEvaluator(suite, context)).bin;
    lab = await openNixLab({ bin });
  }, 600_000);
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  test.each(Object.entries(outputs))("all of %s evaluates", async (output, apply) => {
    const values = z.record(z.string(), z.string().min(1)).parse(await lab.eval(output, apply));
    expect(Object.keys(values).length).toBeGreaterThan(0);
  });

  test("no output is left out of what is evaluated here", async () => {
    const known = Object.keys(outputs).map((output) => output.replace(/\..*/, ""));
    expect(new Set(await lab.names())).toEqual(new Set(known));
  });

  test("nix flake check finds nothing", async () => {
    await command(
      ["nix", "flake", "check", "--no-build", "--offline", "--no-write-lock-file", `path:${lab.flake}`],
      {
        within: "2m",
        env: lab.env,
      },
    );
  });

  test("the lock file is complete, so that a flake which cannot be written to is taken as it is", async () => {
    const dir = await mkdtemp(join(tmpdir(), "dstate-lock-"));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
    for (const file of ["flake.nix", "flake.lock"]) await cp(join(home, file), join(dir, file));
    const metadata = async (): Promise<string> =>
      (
        await command(
          ["nix", "flake", "metadata", "--json", "--offline", "--no-update-lock-file", `path:${dir}`],
          {
            within: "1m",
            env: lab.env,
          },
        )
      ).stdout;
    expect(JSON.parse(await metadata())).toMatchObject({ locks: { nodes: { nixpkgs: {} } } });
    // Without it Nix wants to look at the input itself, which nothing here can.
    await rm(join(dir, "flake.lock"));
    await expect(metadata()).rejects.toThrow();
  });
});
