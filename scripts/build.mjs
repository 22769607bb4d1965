// npm run build: dist/, what the package has in place of src/ and tests/repros.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isRecent } from "../bin/node-version.mjs";
import { home, prepare, run } from "./prepare.mjs";

const env = prepare();
if (!isRecent) {
  run(["node", "scripts/build.mjs"], env);
  process.exit();
}

const dist = join(home, "dist");
rmSync(dist, { recursive: true, force: true });
run(["tsc", "--project", "tsconfig.build.json"], env);

// The page of `dstate show`, one file.
run(["node", "scripts/build-page.mjs", join(dist, "page/index.html")], env);

// What a repro has beside its code.
const repros = join(home, "tests/repros");
for (const id of readdirSync(repros))
  for (const part of readdirSync(join(repros, id)).filter(
    (name) => name === "workload" || name.endsWith(".md"),
  ))
    cpSync(join(repros, id, part), join(dist, "tests/repros", id, part), { recursive: true });

const { init, parse } = await import("es-module-lexer");
await init;
// The package's entries look at Node's version before they load what an old one could not even read.
for (const [entry, module] of Object.entries({
  "index.js": "src/index.js",
  "vitest/index.js": "src/vitest/index.js",
  "vitest/config.js": "src/vitest/workers.js",
})) {
  const file = join(dist, entry);
  const from = (path) => relative(dirname(file), path).replace(/^(?!\.)/, "./");
  const [, exported] = parse(readFileSync(join(dist, module), "utf8"));
  const names = exported.map(({ name }) => name).sort();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `import { createRequire } from "node:module";
import { needRecentNode } from "${from(join(home, "bin/node-version.mjs"))}";

needRecentNode();
const module = createRequire(import.meta.url)("${from(join(dist, module))}");
export const { ${names.join(", ")} } = module;
`,
  );
}
