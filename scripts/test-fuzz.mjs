// npm run test:fuzz: coverage-guided fuzzing of what parses bytes of guests, networks and files. `--help` tells more.
import { prepare, run } from "./prepare.mjs";

run(["node", "scripts/test-fuzz/main.ts", ...process.argv.slice(2)], prepare());
