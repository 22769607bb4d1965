// npm run setup: install what the host lacks.
import { prepare, run } from "./prepare.mjs";

run(["dstate", "setup"], prepare());
