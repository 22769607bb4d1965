import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readRooms } from "./house.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const read = async (file: string): Promise<string> => await readFile(`${home}/${file}`, "utf8");

test("docs/architecture.md has the rooms that there are, the highest first", async () => {
  const rooms = [...(await read("docs/architecture.md")).matchAll(/^\| `([\w-]+)` \|/gm)].map(
    ([, room]) => room,
  );
  expect(rooms.filter((room) => room !== undefined && !room.includes("/")).reverse()).toEqual(
    await readRooms(),
  );
});

/** Files that a text names in backquotes, where they can be nothing else. */
function filesIn(text: string, prefix: string): string[] {
  const inSource = [...text.matchAll(/`((?:src|vm|tests|docs|bin|\.github)\/[\w./-]+\w)`/g)].map(
    ([, path]) => path ?? "",
  );
  const inRoom = [...text.matchAll(/`([a-z-]+\/[\w./-]+\.ts)`/g)].map(([, path]) => `${prefix}${path}`);
  return [...inSource, ...inRoom.filter((path) => !/^src\/(src|tests)\//.test(path))];
}

test.each(["docs/architecture.md", "CONTRIBUTING.md"])(
  "every file that %s names is there",
  async (document) => {
    const files = filesIn(await read(document), "src/");
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => !existsSync(`${home}/${file}`))).toEqual([]);
  },
);
