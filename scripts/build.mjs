// npm run build: dist/, what the package has in place of src/ and tests/repros.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { decode, encode } from "@jridgewell/sourcemap-codec";
import { isFit } from "../bin/node-version.mjs";
import { home, prepare, run } from "./prepare.mjs";

const env = prepare();
if (!isFit) {
  run(["node", "scripts/build.mjs"], env);
  process.exit();
}

// Beside the one that is there: whoever reads that meanwhile finds it whole.
const dist = join(home, `dist.${process.pid}`);
process.on("exit", () => rmSync(dist, { recursive: true, force: true }));
const tsc = (...options) =>
  run(["tsc", "--project", "tsconfig.build.json", "--outDir", dist, ...options], env);
// Comments are for people, who read them in the declarations; the maps lead to the lines of the source.
tsc("--declaration", "false", "--stripInternal", "false", "--removeComments");
tsc("--emitDeclarationOnly", "--sourceMap", "false");

// Of a map, what a stack trace needs is the line. That is a third of the package less.
for (const entry of readdirSync(dist, { recursive: true }).filter((name) => name.endsWith(".js.map"))) {
  const file = join(dist, entry);
  const map = JSON.parse(readFileSync(file, "utf8"));
  const lines = decode(map.mappings).map((segments) => {
    const [first] = segments.filter((segment) => segment.length > 1);
    return first ? [[0, first[1], first[2], 0]] : [];
  });
  writeFileSync(file, JSON.stringify({ ...map, names: [], mappings: encode(lines) }));
}

// The page of `dstate show`, one file.
run(["node", "scripts/build-page.mjs", join(dist, "page/index.html")], env);

// What a repro has beside its code.
const repros = join(home, "tests/repros");
for (const id of readdirSync(repros))
  for (const part of readdirSync(join(repros, id)).filter(
    (name) => name === "workload" || name.endsWith(".md"),
  ))
    cpSync(join(repros, id, part), join(dist, "tests/repros", id, part), { recursive: true });

/** The package's entries: which module each is, and how it loads that. What is required, CommonJS can require too. */
const modules = {
  "index.js": { module: "src/index", by: "require" },
  // vitest has to see this import: of a dstate that is linked into a project, it loads the modules itself.
  "vitest/index.js": { module: "src/vitest/index", by: "import" },
  "vitest/config.js": { module: "src/vitest/workers", by: "require" },
};

// Declarations that no entry leads to are nothing that a user can meet.
const led = new Set(Object.values(modules).map(({ module }) => join(dist, `${module}.d.ts`)));
for (const file of led)
  for (const [, path] of readFileSync(file, "utf8").matchAll(/"(\.{1,2}\/[^"]+)\.ts"/g))
    led.add(join(dirname(file), `${path}.d.ts`));
for (const entry of readdirSync(dist, { recursive: true }))
  if (entry.endsWith(".d.ts") && !led.has(join(dist, entry))) rmSync(join(dist, entry));

const { init, parse } = await import("es-module-lexer");
await init;
// The package's entries look at Node's version before they load what an old one could not even read.
for (const [entry, { module, by }] of Object.entries(modules)) {
  const file = join(dist, entry);
  const from = (path) => relative(dirname(file), path).replace(/^(?!\.)/, "./");
  const [, exported] = parse(readFileSync(join(dist, `${module}.js`), "utf8"));
  const names = exported.map(({ name }) => name).sort();
  mkdirSync(dirname(file), { recursive: true });
  const load = by === "import" ? "await import" : "createRequire(import.meta.url)";
  writeFileSync(
    file,
    `${by === "require" ? 'import { createRequire } from "node:module";\n' : ""}import { needRecentNode } from "${from(join(home, "bin/node-version.mjs"))}";

needRecentNode();
const module = ${load}("${from(join(dist, module))}.js");
export const { ${names.join(", ")} } = module;
`,
  );
}

const former = join(home, `dist.${process.pid}.former`);
if (existsSync(join(home, "dist"))) renameSync(join(home, "dist"), former);
renameSync(dist, join(home, "dist"));
rmSync(former, { recursive: true, force: true });
