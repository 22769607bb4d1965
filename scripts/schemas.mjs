// npm run schemas: write schemas/*.schema.json, which the package publishes, from the schemas in src/report/documents.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFit } from "../bin/node-version.mjs";
import { home, prepare, run } from "./prepare.mjs";

if (!isFit) {
  run(["node", "scripts/schemas.mjs"], prepare());
  process.exit();
}

const { jsonSchemas } = await import("../src/report/documents/json-schemas.ts");
const folder = join(home, "schemas");
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) rmSync(join(folder, name));
for (const [name, schema] of jsonSchemas())
  writeFileSync(join(folder, name), `${JSON.stringify(schema, null, 2)}\n`);
