import { expect, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { chooseCells } from "../../src/campaign/matrix/cells.ts";
import { chooseCell } from "../../src/lab/cell.ts";
import { cellsOf } from "../../src/repro/cells.ts";
import { defineRepro } from "../../src/repro/define.ts";
import repro from "../repros/io-uring-dstate/repro.ts";

const onNixos = readSettings({ DSTATE_IMAGE: "nixos" });

test("in NixOS guests the flagship report has its own kernel and the guest's own node, unless others are asked for", () => {
  const nearest = { kernel: "nix:6.6.58", node: "image", image: "nixos" };
  expect(chooseCell(repro.axes, { image: "nixos" })).toMatchObject(nearest);
  expect(chooseCell(repro.axes, {}, onNixos)).toMatchObject(nearest);
  expect(chooseCell(repro.axes, { kernel: "6.1.129" }, onNixos)).toMatchObject({
    ...nearest,
    kernel: "6.1.129",
  });
  expect(chooseCell(repro.axes, { node: "20.9.0" }, onNixos)).toMatchObject({ ...nearest, node: "20.9.0" });
});

test("Debian guests are as they were, also where the environment asks for NixOS ones", () => {
  const cell = { kernel: "6.1.115", node: "20.9.0", image: "debian" };
  expect(chooseCell(repro.axes, {})).toMatchObject(cell);
  expect(chooseCell(repro.axes, { image: "debian" }, onNixos)).toMatchObject(cell);
});

test("a check and a matrix on NixOS need no kernel that has to be compiled for its first cells", () => {
  const { bad, control } = cellsOf(repro, onNixos);
  expect([bad[0], control[0]]).toMatchObject([
    { kernel: "nix:6.6.58", node: "image", image: "nixos", env: {} },
    { kernel: "nix:6.6.58", node: "image", image: "nixos", env: { UV_USE_IO_URING: "0" } },
  ]);
  const cells = chooseCells(repro, {}, { all: false, image: "nixos" });
  expect(cells).toEqual([...bad, ...control]);
});

test("a definition whose cells for a kind of guest cannot be is refused with their place", () => {
  const { cells, axes } = repro;
  // What JavaScript, or a type that is not looked at, would hand over.
  const define = (images: Record<string, never>) =>
    defineRepro({
      ...{ id: "x", title: "x", upstream: ["https://example.org/x"], deadline: "1m" },
      axes,
      cells: { ...cells, images },
      trial: async () => ({}),
      signature: () => true,
      healthy: () => true,
      summary: () => "",
    });
  expect(() =>
    define(JSON.parse('{ "nixos": { "bad": [{ "axes": { "no": "such" } }], "control": [{}] } }')),
  ).toThrow("cells.images.nixos.bad[0]: this repro has no axis");
  expect(() => define(JSON.parse('{ "nixos": { "bad": [{}] } }'))).toThrow("cells.images.nixos.control");
});
