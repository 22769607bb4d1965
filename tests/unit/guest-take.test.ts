import { join } from "node:path";
import { createTar } from "nanotar";
import { describe, expect, test } from "vitest";
import { filesIn } from "../../src/guest/take.ts";

/** A tar archive with one entry of a type that the library does not write. */
function tarOf(name: string, type: string, link = ""): Uint8Array {
  const archive = createTar([{ name: "x", data: "data" }]);
  const header = Buffer.from(archive.buffer, 0, 512);
  header.fill(0, 0, 100).write(name, 0);
  header.write(type, 156);
  header.fill(0, 157, 257).write(link, 157);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return archive;
}

describe("an archive that a guest packed", () => {
  test("gives the files and folders that were asked for", () => {
    const archive = createTar([
      { name: "coverage/" },
      { name: "coverage/a b.json", data: "{}" },
      { name: "./junit.xml", data: "<x/>" },
    ]);
    const found = filesIn(archive, ["coverage/", "junit.xml"]).map(({ name, data }) => [
      name.replace(/\/$/, ""),
      data && Buffer.from(data).toString(),
    ]);
    expect(found).toEqual([
      ["coverage", undefined],
      ["coverage/a b.json", "{}"],
      ["junit.xml", "<x/>"],
    ]);
  });

  test.each(["../x", "/etc/passwd", "out/../../x", "..", "out/../../../root/.ssh/authorized_keys"])(
    "that names %s leads nowhere else: it is refused, or lies in its folder",
    (name) => {
      let names: string[] = [];
      try {
        names = filesIn(tarOf(name, "0"), ["."]).map((file) => file.name);
      } catch (error) {
        expect(String(error)).toMatch(/leads out of its folder/);
      }
      for (const each of names) expect(join("/to", each)).toMatch(/^\/to(\/|$)/);
    },
  );

  test.each([".git/hooks/post-commit", "package.json", "outside", "out.txt2"])(
    "that adds %s, which nobody asked for, is refused",
    (name) => {
      expect(() => filesIn(tarOf(name, "0"), ["out", "out.txt"])).toThrow(/nobody asked for/);
    },
  );

  test.each([
    ["a symbolic link", "2"],
    ["a hard link", "1"],
    ["a device", "3"],
    ["a pipe", "6"],
  ])("gives nothing for %s", (_what, type) => {
    expect(filesIn(tarOf("out", type, "/etc/passwd"), ["out"])).toEqual([]);
  });
});
