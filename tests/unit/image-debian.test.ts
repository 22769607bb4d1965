import { expect, test } from "vitest";
import { differencesFromPins, installedPackages } from "../../src/image/debian.ts";

test("dpkg's status file gives names and versions", () => {
  expect(installedPackages("Package: a\nVersion: 1\n\nPackage: b\nStatus: x\nVersion: 2~1\n")).toEqual({
    a: "1",
    b: "2~1",
  });
});

test("only packages whose pinned version differs are told", () => {
  expect(differencesFromPins({ a: "1", b: "2" }, { a: "1", b: "3", c: "9" })).toEqual(["b 3 (pinned 2)"]);
});
