// npm run release: build the package, look at it as its users' tools do, and publish it. With --dry-run everything
// but the upload: that is part of `npm test`. --tag v1.2.3 says which release is meant; a tag's workflow gives it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { home, prepare, run, startable } from "./prepare.mjs";

/** Bytes. A tool that is fetched by npx again and again stays small. */
const most = 1_000_000;

const { values } = parseArgs({ options: { "dry-run": { type: "boolean" }, tag: { type: "string" } } });
const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));

function refuse(sentence) {
  console.error(`release: ${sentence}`);
  process.exit(1);
}

/** Run a program and return what it printed; when it fails, show that and end. */
function output(argv, env) {
  const [program, ...rest] = startable(argv);
  const { status, error, stdout, stderr } = spawnSync(program, rest, { cwd: home, env, encoding: "utf8" });
  if (error) refuse(`${program} could not be started: ${error.message}`);
  if (status !== 0) refuse(`${argv.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/**
 * What the package brings along, as CycloneDX has it: a file of the package. `npm sbom --omit dev` leaves out what a
 * dependency and a development tool have in common, so what is marked as the latter's alone is taken out here.
 */
function writeBillOfMaterials() {
  const npm = output(["npm", "--version"], env).trim();
  // Debian 13 has npm 9, and who runs the tests there releases nothing.
  if (Number(npm.split(".")[0]) < 10) {
    const why = `npm ${npm} cannot write the bill of materials, npm 10 and newer can`;
    if (!values["dry-run"]) refuse(why);
    console.error(`release: ${why}: it is left out of this try`);
    return;
  }
  const bill = JSON.parse(output(["npm", "sbom", "--sbom-format", "cyclonedx"], env));
  // npm takes the folder's name.
  bill.metadata.component.name = "dstate";
  bill.components = bill.components.filter(
    ({ properties }) => !properties.some(({ name }) => name === "cdx:npm:package:development"),
  );
  const refs = new Set([bill.metadata.component, ...bill.components].map((each) => each["bom-ref"]));
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => refs.has(ref)) }));
  const names = new Set(
    bill.components.map((each) => (each.group ? `${each.group}/${each.name}` : each.name)),
  );
  const { dependencies } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies))
    if (!names.has(name)) refuse(`the bill of materials does not have ${name}`);
  writeFileSync(join(home, "dist", "sbom.cdx.json"), `${JSON.stringify(bill)}\n`);
}

if (values.tag !== undefined && values.tag !== `v${version}`)
  refuse(`the tag ${values.tag} is not v${version}, the version in package.json`);
const heading = readFileSync(join(home, "CHANGELOG.md"), "utf8")
  .split("\n")
  .find((line) => line.startsWith(`## ${version} `));
if (heading === undefined) refuse(`CHANGELOG.md has no "## ${version} (...)"`);
if (!values["dry-run"] && !/\(\d{4}-\d{2}-\d{2}\)$/.test(heading))
  refuse(`CHANGELOG.md should say on which day ${version} comes out: "## ${version} (YYYY-MM-DD)"`);

const env = prepare();
run(["node", "scripts/build.mjs"], env);
writeBillOfMaterials();
const dir = mkdtempSync(join(tmpdir(), "dstate-release-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
// npm 12 names the package before what it says of it, older ones give a list.
const [packed] = Object.values(
  JSON.parse(output(["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", dir], env)),
);
const tarball = join(dir, packed.filename);

if (packed.size > most) refuse(`the package has ${packed.size} bytes, and may have ${most}`);
const inside = new Set(packed.files.map(({ path }) => path));
for (const folder of ["bin", "dist", "examples", "schemas", "vm"])
  for (const entry of readdirSync(join(home, folder), { recursive: true, withFileTypes: true })) {
    const path = relative(home, join(entry.parentPath, entry.name));
    if (!entry.isDirectory() && !inside.has(path)) refuse(`npm leaves ${path} out of the package`);
  }

const lint = output(["publint", "run", tarball, "--strict"], env);
if (!lint.includes("All good!")) refuse(`publint has something to say:\n${lint}`);
// ESM only: every Node that dstate runs on requires ES modules as well.
output(["attw", tarball, "--profile", "esm-only"], env);
console.log(
  `${packed.filename}: ${Math.round(packed.size / 1000)} kB, ${packed.files.length} files; publint and attw find nothing`,
);

if (!values["dry-run"]) run(["npm", "publish", tarball, "--provenance", "--access", "public"], env);
