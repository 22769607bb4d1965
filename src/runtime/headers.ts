import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InfraError } from "../base/errors.ts";

/** Where each version is in a release's headers: the file, and the macros that make it up, in their order. */
const places = {
  node: ["node_version.h", ["NODE_MAJOR_VERSION", "NODE_MINOR_VERSION", "NODE_PATCH_VERSION"]],
  uv: ["uv/version.h", ["UV_VERSION_MAJOR", "UV_VERSION_MINOR", "UV_VERSION_PATCH"]],
  v8: ["v8-version.h", ["V8_MAJOR_VERSION", "V8_MINOR_VERSION", "V8_BUILD_NUMBER", "V8_PATCH_LEVEL"]],
} as const;

/**
 * What a Node release is made of, as its own headers say: they come from the same build as the binary, which is for
 * guests and may not start on this host. NixOS has no loader where an official build looks for one.
 *
 * @param include the release's folder `include/node`.
 * @throws {InfraError} when a header is missing or does not define a version.
 * @see https://github.com/nodejs/node/blob/main/src/node_version.h
 * @example (await versionsInHeaders(join(tree, "include/node"))).uv // "1.46.0"
 */
export async function versionsInHeaders(include: string): Promise<Record<keyof typeof places, string>> {
  const read = async (name: keyof typeof places): Promise<string> => {
    const [file, macros] = places[name];
    const path = join(include, file);
    const text = await readFile(path, "utf8").catch((cause: unknown) => {
      throw new InfraError(`a Node release without ${path} is not a whole one`, { cause });
    });
    return macros
      .map((macro) => {
        const [, value] = new RegExp(`^#define ${macro} (\\d+)\\s*$`, "m").exec(text) ?? [];
        if (value === undefined) throw new InfraError(`${path} does not define ${macro}`);
        return value;
      })
      .join(".");
  };
  const [node, uv, v8] = await Promise.all([read("node"), read("uv"), read("v8")]);
  return { node, uv, v8 };
}
