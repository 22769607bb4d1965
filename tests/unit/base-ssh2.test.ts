import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { command } from "../../src/base/command.ts";

const require = createRequire(import.meta.url);
const ssh2 = dirname(require.resolve("ssh2"));

test("what ssh2 compiled for another Node is not loaded, and stays for whoever else asks for it", async () => {
  // As `npm install` leaves it where it runs scripts: here one that says so and fails.
  const folder = join(ssh2, "protocol/crypto/build/Release");
  const added = !existsSync(folder);
  const program = `
    import Module, { createRequire } from "node:module";
    let loads = 0;
    Module._extensions[".node"] = () => { loads += 1; throw new Error("loaded"); };
    const { ssh2 } = await import(${JSON.stringify(new URL("../../src/base/ssh2.ts", import.meta.url).href)});
    const { private: key } = ssh2.utils.generateKeyPairSync("ed25519", {});
    const before = loads;
    try { createRequire(${JSON.stringify(require.resolve("ssh2"))})("./protocol/crypto/build/Release/sshcrypto.node"); } catch {}
    console.log(JSON.stringify([key.includes("OPENSSH"), before, loads]));`;
  try {
    if (added) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "sshcrypto.node"), "");
    }
    const { stdout } = await command([process.execPath, "--input-type=module", "-e", program], {
      within: "30s",
    });
    expect(JSON.parse(stdout)).toEqual([true, 0, 1]);
  } finally {
    if (added) rmSync(join(ssh2, "protocol/crypto/build"), { recursive: true });
  }
});
