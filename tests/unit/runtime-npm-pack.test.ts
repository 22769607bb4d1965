import { expect, test } from "vitest";
import { readPacked } from "../../src/runtime/npm-pack.ts";

const packed = {
  filename: "left-pad-1.3.0.tgz",
  integrity: "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQ",
};
const more = {
  id: "left-pad@1.3.0",
  size: 3619,
  files: [{ path: "README.md", size: 871, mode: 420 }],
  bundled: [],
};

test.each([
  ["npm 10 and 11", [{ ...more, ...packed }]],
  ["npm 12", { "left-pad": { ...more, ...packed } }],
])("what %s says of a package that it packed is understood", (_, said) => {
  expect(readPacked(JSON.stringify(said, null, 2), "left-pad@1.3.0")).toEqual(packed);
});

test.each(["", "[]", "{}", "null", '[{"filename":1}]', "npm warn something"])(
  "npm that says %j has packed nothing",
  (said) => {
    expect(() => readPacked(said, "left-pad@1.3.0")).toThrow("npm packed nothing for left-pad@1.3.0");
  },
);
