// npm run test:hosts: dstate on fresh systems, with their own QEMU, compiler, C library and Node. `--help` tells more.
import { prepare, run } from "./prepare.mjs";

run(["node", "scripts/test-hosts/main.ts", ...process.argv.slice(2)], prepare());
