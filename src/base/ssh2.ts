import Module, { createRequire } from "node:module";
import type * as Ssh2 from "ssh2";

/** What ssh2 loads if it is there. */
const native = ["cpu-features", "./protocol/crypto/build/Release/sshcrypto.node"] as const;

/**
 * ssh2 in JavaScript alone. What its install scripts compiled, where npm ran them, is left out: on Debian 13 it is
 * compiled for the system's Node 20, and a Node 24 that has loaded it ends in a segmentation fault, with an exit code
 * that says nothing. ssh to a machine on this host needs no speed that it would bring.
 *
 * @see https://github.com/mscdex/ssh2#requirements (the optional native parts)
 */
export const ssh2 = loadWithout(native);

function loadWithout(names: readonly string[]): typeof Ssh2 {
  const require = createRequire(import.meta.url);
  const ofSsh2 = createRequire(require.resolve("ssh2"));
  const kept: string[] = [];
  for (const name of names) {
    const path = placeOf(ofSsh2, name);
    if (path === undefined || require.cache[path] !== undefined) continue;
    require.cache[path] = absent(path);
    kept.push(path);
  }
  try {
    return require("ssh2");
  } finally {
    // Whoever else asks for them in this process is to have them.
    for (const path of kept) delete require.cache[path];
  }
}

function placeOf(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

/** A module that cannot be loaded. */
function absent(path: string): Module {
  const module = new Module(path);
  module.loaded = true;
  return Object.defineProperty(module, "exports", {
    get: () => {
      throw new Error(`${path} is not used`);
    },
  });
}
