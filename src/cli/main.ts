import { CommanderError } from "commander";
import { exitCode, gitBisectCode } from "../base/errors.ts";
import { serveOwnLibrary } from "../repro/own-library.ts";
import { forGitBisect } from "./git-bisect.ts";
import { makeProgram } from "./program.ts";
import { openSession, type Session } from "./session.ts";

serveOwnLibrary();
// A repro's own line is often more than ten calls away from where its mistake shows.
Error.stackTraceLimit = 30;

const session: Session = openSession();
const asksVersion = ["-V", "--version"].includes(process.argv[2] ?? "");
const version = asksVersion ? `dstate ${await (await import("../base/version.ts")).describeVersion()}` : "";
const program = await makeProgram(session, version, process.argv.slice(2));

// Node's own code for what nobody caught is 1, which says reproduced.
process.on("uncaughtException", (error) => {
  const code = session.report(error);
  process.exit(forGitBisect(process.argv) ? gitBisectCode(code) : code);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCode.usage;
  else process.exitCode = session.report(error);
} finally {
  session[Symbol.dispose]();
}
if (forGitBisect(process.argv)) process.exitCode = gitBisectCode(Number(process.exitCode ?? 0));
// A pipe takes what its reader has room for; what is left has to be waited for.
await new Promise<void>((done) => process.stdout.write("", () => done()));
// Nothing that was left behind, such as a channel to a wedged guest, may keep the process.
process.exit();
