// The smallest thread-local that does not load, to the byte. The loader asks only the program header how much
// an object needs, so one addon stands for all sizes: its p_memsz is rewritten. Each try is a new process, for
// what was loaded once keeps its place.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const [addon, most] = process.argv.slice(2);
const PT_TLS = 7;

function resized(size) {
  const bytes = readFileSync(addon);
  const table = Number(bytes.readBigUInt64LE(32));
  const [each, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  for (let at = table; at < table + each * count; at += each)
    if (bytes.readUInt32LE(at) === PT_TLS) bytes.writeBigUInt64LE(BigInt(size), at + 40);
  const path = `/tmp/addon-${size}.node`;
  writeFileSync(path, bytes);
  return path;
}

function loads(size) {
  // Not called: what lies beyond the rewritten size is not the addon's.
  const code = `process.dlopen({ exports: {} }, ${JSON.stringify(resized(size))})`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8" });
  if (status !== 0 && !stderr.includes("static TLS block")) throw new Error(stderr);
  return status === 0;
}

let [fits, fails] = [0, Number(most)];
if (loads(fails)) console.log(JSON.stringify({ fails: null, most: fails }));
else {
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    if (loads(middle)) fits = middle;
    else fails = middle;
  }
  console.log(JSON.stringify({ fails, most: Number(most) }));
}
