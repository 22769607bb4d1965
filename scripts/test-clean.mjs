// npm run test:clean: trials of what has no bug, none of which may say that it has. `--help` tells more.
import { prepare, run } from "./prepare.mjs";

run(["node", "scripts/test-clean.ts", ...process.argv.slice(2)], prepare());
