// npm run test:recorded: a recorded machine runs again, to the last byte of its console. Four minutes.
import { prepare, run } from "./prepare.mjs";

const env = prepare();
run(["dstate", "setup", "--for", "tests"], env);
run(["vitest", "run", "--project", "recorded", ...process.argv.slice(2)], env);
