// npm start: set up what is missing, then do the main job.
import { prepare, run } from "./prepare.mjs";

const env = prepare();
// Only what this needs: with a registry that has the parts, no compiler.
run(["dstate", "setup", "io-uring-dstate"], env);
run(["dstate", "check", "io-uring-dstate", ...process.argv.slice(2)], env);
