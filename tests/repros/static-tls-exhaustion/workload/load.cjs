// Load an addon and use its thread-local, then tell which objects this process has mapped.
const { readFileSync } = require("node:fs");

const path = process.argv[2];
const result = { loaded: false, error: "", objects: [] };
try {
  result.loaded = require(path).touch() === 1;
} catch (error) {
  result.error = error.message;
}
const mapped = readFileSync("/proc/self/maps", "utf8").matchAll(/ (\/\S+)$/gm);
result.objects = [...new Set([...mapped].map((match) => match[1]))];
console.log(JSON.stringify(result));
