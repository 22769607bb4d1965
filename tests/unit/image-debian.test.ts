import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { differencesFromPins, installedPackages, withoutPasswords } from "../../src/image/debian.ts";

test("dpkg's status file gives names and versions", () => {
  expect(installedPackages("Package: a\nVersion: 1\n\nPackage: b\nStatus: x\nVersion: 2~1\n")).toEqual({
    a: "1",
    b: "2~1",
  });
});

test("only packages whose pinned version differs are told", () => {
  expect(differencesFromPins({ a: "1", b: "2" }, { a: "1", b: "3", c: "9" })).toEqual(["b 3 (pinned 2)"]);
});

test.each([
  [
    "deb https://user:to%40ken@mirror.example/debian bookworm main",
    "deb https://mirror.example/debian bookworm main",
  ],
  ["deb [arch=amd64] http://token@mirror:80/d a b", "deb [arch=amd64] http://mirror:80/d a b"],
  [
    "deb http://mirror.example/~me@home/debian bookworm main",
    "deb http://mirror.example/~me@home/debian bookworm main",
  ],
])("the guest is not told the password of its archive: %s", (line, told) => {
  expect(execFileSync("sed", ["-E", withoutPasswords], { input: line, encoding: "utf8" })).toBe(told);
});
