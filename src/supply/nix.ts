import { existsSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { timeouts } from "../base/timeouts.ts";

/** What to use where there is no Nix, or where it cannot build. */
const without =
  "Without Nix: `--image debian`, and a release (`--kernel 6.1.115`) or a Debian kernel (`--kernel deb:6.1`).";

/**
 * Build a package of this project's own flake with `nix build`, and keep it from Nix' garbage collector. Inside
 * Nix' own sandbox nothing can be built: there the results come ready in a folder that the settings name.
 *
 * @param name the package, such as `image` or `kernel-linux-6_6_58`.
 * @returns its folder in the Nix store.
 * @throws {UsageError} when the flake refuses: the message is the flake's own sentence.
 * @throws {InfraError} when there is no Nix or the build fails.
 * @see https://nixos.org/manual/nix/stable/command-ref/new-cli/nix3-build.html
 * @example const folder = await nixBuild("image-linux-6_6_58", context);
 */
export async function nixBuild(name: string, context: Context): Promise<string> {
  const { homeDir, cacheDir, nixResults } = context.settings;
  if (nixResults !== undefined) {
    return await realpath(join(nixResults, name)).catch((error: unknown) => {
      throw new UsageError(`DSTATE_NIX_RESULTS is ${nixResults}, and that folder has no ${name}`, {
        next: "Add it to the folder, or unset the variable to build it with Nix.",
        cause: error,
      });
    });
  }
  const roots = join(cacheDir, "nix");
  await mkdir(roots, { recursive: true });
  const link = join(roots, name);
  const argv = [
    ...["nix", "build", `${flakeOf(homeDir)}#${name}`],
    ...["--extra-experimental-features", "nix-command flakes"],
    "--no-write-lock-file",
    "--print-build-logs",
    ...["--out-link", link],
  ];
  // Nix shows the place of an error after the error itself: the end of what it says is not enough.
  let said = "";
  await longStep(
    context,
    { title: `nix build ${name}`, kind: `nix-${name}`, guess: undefined },
    async ({ update }) => {
      try {
        await command(argv, {
          within: timeouts.make.nixos,
          signal: context.signal,
          install: `There is no \`nix\` on this machine: https://nixos.org/download. ${without}`,
          onOutput: (text) => {
            said = (said + text).slice(-100_000);
            update({ detail: text.trim().split("\n").at(-1)?.slice(0, 200) ?? "" });
          },
        });
      } catch (error) {
        context.signal.throwIfAborted();
        const sentence = refusal(said);
        if (sentence !== undefined) {
          throw new UsageError(sentence, { next: without, cause: error });
        }
        if (error instanceof InfraError && error.next === undefined) {
          throw new InfraError(messageOf(error), { next: without, cause: error });
        }
        throw error;
      }
    },
  );
  return await realpath(link);
}

/**
 * How Nix is to call the checkout: with git, so that only what git knows is copied into the store, or as a plain
 * folder where the checkout is itself a Nix package. It is a URL: a blank of the folder's name is `%20` in it.
 */
export function flakeOf(homeDir: string): string {
  const home = homeDir.replace(/\/+$/, "");
  return existsSync(join(home, ".git")) ? `git+file://${encodeURI(home)}` : `path:${encodeURI(home)}`;
}

/** The sentence that one of our own Nix files threw. */
export function refusal(output: string): string | undefined {
  return /error: ((?:Linux \S+ in vm\/kernels\.json|vm\/kernels\.json|vm\/nixos\/libuv\.json) [^\n]+)/.exec(
    output,
  )?.[1];
}

/**
 * The name that vm/nixos/pins.nix gives to a kernel pin.
 *
 * @example nixPinName("6.6.58") // "linux-6_6_58"
 */
export function nixPinName(version: string): string {
  return `linux-${version.replaceAll(".", "_")}`;
}
