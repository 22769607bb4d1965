// npm run test:workers: three workers with caches of their own on PostgreSQL and a registry, while things break.
import { prepare, run } from "./prepare.mjs";

const env = prepare();
run(["dstate", "setup", "--for", "tests"], env);
run(["vitest", "run", "--project", "workers", ...process.argv.slice(2)], env);
