// Build the page of `dstate show` into one file: node scripts/build-page.mjs FILE
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error("say where the page goes");
const draft = mkdtempSync(join(tmpdir(), "dstate-page-"));
try {
  await build({
    root: fileURLToPath(new URL("../src/page", import.meta.url)),
    configFile: false,
    logLevel: "warn",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    plugins: [viteSingleFile({ removeViteModuleLoader: true })],
    build: { outDir: draft, emptyOutDir: true, target: "es2022", license: false },
  });
  const html = readFileSync(join(draft, "index.html"), "utf8");
  // The page runs its own script and nothing else, loads nothing, and sends nothing anywhere.
  const hashes = [...html.matchAll(/<script type="module"[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script]) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`,
  );
  const policy = [
    "default-src 'none'",
    `script-src ${hashes.join(" ")}`,
    "style-src 'unsafe-inline'",
    "img-src data:",
    "font-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const file = resolve(target);
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}`;
  writeFileSync(
    part,
    html.replace(
      '<meta charset="utf-8" />',
      (charset) => `${charset}\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`,
    ),
  );
  renameSync(part, file);
} finally {
  rmSync(draft, { recursive: true, force: true });
}
