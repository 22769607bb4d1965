// npm test: everything the project calls its tests. Arguments go to vitest.
import { join } from "node:path";
import { isForeign } from "../bin/node-version.mjs";
import { home, prepare, run } from "./prepare.mjs";

// Some hundred tests start the command line with an empty cache: each would compile all of it anew.
const env = { NODE_COMPILE_CACHE: join(home, "node_modules/.cache/compiled"), ...prepare() };
const only = process.argv.slice(2);
run(["dstate", "setup", "--for", "tests"], env);
if (only.length === 0) {
  // npm brings the linter for ordinary Linux only.
  if (isForeign && !env.BIOME_BINARY)
    console.error(
      "npm test: left out is `biome ci`, which does not start on this system; `nix develop` has one that does",
    );
  else run(["biome", "ci", "."], env);
  run(["tsc"], env);
  run(["tsc", "--project", "src/page"], env);
  run(["oxlint", "--type-aware"], env);
  run(["node", "scripts/release.mjs", "--dry-run"], env);
}
// The workers' own test takes minutes: `npm run test:workers`.
run(["vitest", "run", "--project", "unit", "--project", "vm", ...only], env);
