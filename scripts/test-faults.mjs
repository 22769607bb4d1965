// npm run test:faults: breaks what dstate stands on, at random moments of a printed seed. `--help` tells more.
import { prepare, run } from "./prepare.mjs";

run(["node", "scripts/test-faults.ts", ...process.argv.slice(2)], prepare());
