import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const home = fileURLToPath(new URL("../..", import.meta.url));

test("the release workflow runs what the checks run, and publishes nothing but a tag that passed them", async () => {
  const workflow = await readFile(`${home}/.github/workflows/release.yml`, "utf8");
  const { scripts } = JSON.parse(await readFile(`${home}/package.json`, "utf8"));
  const runs = [...workflow.matchAll(/^ +- run: (.*)$/gm)].map(([, line]) => line ?? "");
  const allowed = ["npm ci", "npm test", ...Object.keys(scripts).map((name) => `npm run ${name}`)];
  for (const line of runs) expect(allowed).toContain(line.replace(/ -- .*/, ""));
  const publishing = runs.filter((line) => line.includes("release") && !line.includes("--dry-run"));
  expect(publishing).toEqual(['npm run release -- --tag "$TAG"']);
  expect(workflow).toMatch(/ {2}publish:\n {4}if: github\.ref_type == 'tag'\n {4}needs: \[dry-run, test\]/);
  expect(await readFile(`${home}/scripts/test.mjs`, "utf8")).toContain('"scripts/release.mjs", "--dry-run"');
});

function release(...argv: string[]): string {
  try {
    execFileSync(process.execPath, [`${home}/scripts/release.mjs`, ...argv], {
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    return error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  }
  return "";
}

test("a tag that is not the version of package.json is refused", () => {
  expect(release("--dry-run", "--tag", "v0.0.0")).toMatch(/the tag v0\.0\.0 is not v\d/);
});

test("a script starts Node itself by Node, and commands of node_modules by the Node they need", async () => {
  const { startable } = await import(`${home}/scripts/prepare.mjs`);
  expect(startable(["node", "x.mjs"])).toEqual([process.execPath, "x.mjs"]);
  const [program, script, ...rest] = startable(["tsc", "--version"]);
  expect(program).toBe(process.execPath);
  expect(script).toMatch(/typescript\/bin\/tsc$/);
  expect(rest).toEqual(["--version"]);
  expect(startable(["npm", "ci"])).toEqual(["npm", "ci"]);
});
