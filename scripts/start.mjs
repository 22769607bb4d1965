// npm start: set up what is missing, then do the main job.
import { prepare, run } from "./prepare.mjs";

const env = prepare();
run(["dstate", "setup"], env);
run(["dstate", "check", "io-uring-dstate", ...process.argv.slice(2)], env);
