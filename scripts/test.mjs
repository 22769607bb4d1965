// npm test: everything the project calls its tests. Arguments go to vitest.
import { prepare, run } from "./prepare.mjs";

const env = prepare();
const only = process.argv.slice(2);
run(["dstate", "setup", "--for", "tests"], env);
if (only.length === 0) {
  run(["biome", "ci", "."], env);
  run(["tsc"], env);
  run(["tsc", "--project", "src/page"], env);
  run(["oxlint", "--type-aware"], env);
  run(["node", "scripts/release.mjs", "--dry-run"], env);
}
run(["vitest", "run", ...only], env);
