import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { command } from "../../src/base/command.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

/** What of the checkout the flake is made of; node_modules and logs would only be copied in vain. */
const flakeParts = [
  "flake.lock",
  "flake.nix",
  "package.json",
  "package-lock.json",
  "bin",
  "src",
  "vm",
  "tests/repros",
] as const;

/** A copy of the flake beside a stand-in for nixpkgs, with a store of its own: nothing of it is left afterwards. */
export interface NixLab extends AsyncDisposable {
  /** The copy's folder, to change files in. */
  readonly flake: string;
  /** The environment that keeps Nix inside the laboratory. */
  readonly env: Readonly<Record<string, string>>;
  /** The value of an output of the copy or of another flake, for example `nixosConfigurations.guest.config.networking.hostName`. */
  eval(output: string, apply?: string, flake?: string): Promise<unknown>;
  /** The value of an expression; `flake` in it is the copy's folder, `lib` the stand-in's. */
  expression(text: string): Promise<unknown>;
  /** The names of all of the copy's outputs. */
  names(): Promise<string[]>;
  /** Everything that would be built for an output: the text of each derivation, as it is in the store. */
  derivations(output: string): Promise<string[]>;
  /** Parse a file, and nothing more. */
  parse(file: string): Promise<void>;
  /** Change a file of the flake. */
  edit(file: string, change: (text: string) => string): Promise<void>;
  /** Give the stand-in other kernels, for example `{ linuxPackages_6_6: "6.6.57" }`. */
  carry(kernels: Readonly<Record<string, string>>): Promise<void>;
}

export interface NixLabOptions {
  /** The folder of another Nix than the one on PATH. */
  readonly bin?: string | undefined;
}

/** Set up a laboratory for `nix eval`. It works as root and as a user, with a Nix daemon and without. */
export async function openNixLab({ bin }: NixLabOptions = {}): Promise<NixLab> {
  const dir = await mkdtemp(join(tmpdir(), "dstate-nix-"));
  const flake = join(dir, "flake");
  const nixpkgs = join(dir, "nixpkgs");
  for (const part of flakeParts) await cp(join(home, part), join(flake, part), { recursive: true });
  await cp(join(home, "tests/nix/nixpkgs"), nixpkgs, { recursive: true });
  await mkdir(join(dir, "etc"));
  // The inputs' places are the only thing that is not as the user's Nix will see it.
  const edit = async (file: string, change: (text: string) => string): Promise<void> => {
    const path = join(flake, file);
    await writeFile(path, change(await readFile(path, "utf8")));
  };
  await edit("flake.nix", (text) => text.replace(/github:NixOS\/nixpkgs\/\w+/, `path:${nixpkgs}`));
  await writeFile(
    join(dir, "etc/nix.conf"),
    "experimental-features = nix-command flakes\nsubstituters =\nsandbox = false\nbuild-users-group =\n",
  );
  const env = {
    PATH: [...(bin === undefined ? [] : [bin]), process.env.PATH ?? ""].join(":"),
    HOME: dir,
    NIX_REMOTE: "",
    NIX_CONF_DIR: join(dir, "etc"),
    NIX_STORE_DIR: join(dir, "store"),
    NIX_STATE_DIR: join(dir, "var"),
    NIX_LOG_DIR: join(dir, "log"),
  };
  const run = async (argv: readonly string[]): Promise<string> => {
    let said = "";
    const onOutput = (text: string): void => {
      said += text;
    };
    const install = "Install Nix: `npx dstate setup --for tests`.";
    return await command(argv, { within: "2m", env, cwd: dir, install, onOutput }).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        throw new Error(said || String(error), { cause: error });
      },
    );
  };
  const flags = ["--offline", "--no-write-lock-file"];
  // What a pin takes from GitHub by its revision, it takes from the stand-in by its hash.
  const pinStandIn = async (): Promise<void> => {
    const hash = (await run(["nix", "hash", "path", nixpkgs])).trim();
    await edit("vm/nixos/pins.nix", (text) =>
      text.replace(/builtins\.getFlake .*;/, `builtins.getFlake "path:${nixpkgs}?narHash=${hash}";`),
    );
  };
  await pinStandIn();
  return {
    flake,
    env,
    edit,
    eval: async (output, apply = "value: value", of = flake) =>
      JSON.parse(await run(["nix", "eval", "--json", ...flags, `path:${of}#${output}`, "--apply", apply])),
    expression: async (text) =>
      JSON.parse(
        await run([
          ...["nix-instantiate", "--eval", "--strict", "--json", "--expr"],
          `let flake = ${flake}; lib = import ${nixpkgs}/lib.nix; in ${text}`,
        ]),
      ),
    names: async () =>
      Object.keys(JSON.parse(await run(["nix", "flake", "show", "--json", ...flags, `path:${flake}`]))),
    derivations: async (output) => {
      const drv = await run(["nix", "eval", "--raw", ...flags, `path:${flake}#${output}.drvPath`]);
      const paths = (await run(["nix-store", "--query", "--requisites", drv.trim()])).trim().split("\n");
      const drvs = paths.filter((path) => path.endsWith(".drv"));
      return await Promise.all(drvs.map(async (path) => await readFile(path, "utf8")));
    },
    parse: async (file) => void (await run(["nix-instantiate", "--parse", file])),
    carry: async (kernels) => {
      const lines = Object.entries(kernels).map(([line, version]) => `  ${line} = "${version}";\n`);
      await writeFile(join(nixpkgs, "kernels.nix"), `{\n${lines.join("")}}\n`);
      await pinStandIn();
    },
    [Symbol.asyncDispose]: async () => {
      // The store's files are read-only.
      await command(["chmod", "-R", "u+w", dir], { within: "1m" });
      await rm(dir, { recursive: true, force: true });
    },
  };
}
