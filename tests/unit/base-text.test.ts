import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { forTerminal, inertJson, oneLine, sanitize, stripEscapes } from "../../src/base/text.ts";

/** Text as a hostile guest would write it: control characters and pieces of escape sequences in between. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\x1b",
        "\x1b[",
        "\x1b]",
        "\x1bP",
        "\x9b",
        "\x9d",
        "\x07",
        "\x1b\\",
        "\r",
        "\r\n",
        "\n",
        "\t",
      ),
      fc.constantFrom(
        "\u202e",
        "\u2066",
        "\u2028",
        "\ud800",
        "\udc00",
        "\x00",
        "\x7f",
        "31m",
        "0;title",
        "2J",
      ),
      fc.string({ unit: "grapheme" }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

const control = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

describe("sanitize", () => {
  test.each([
    ["plain text", "plain text"],
    ["\x1b[1;31mred\x1b[0m", "red"],
    ["\x1b]0;a title\x07after", "after"],
    ["\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["\x1b]0;a title without an end\nnext line", "\nnext line"],
    ["\x1bP1$r0m\x1b\\x", "x"],
    ["\x9b31mred", "red"],
    ["\x1b(Bcharset\x1bcreset", "charsetreset"],
    ["one\r\ntwo\r\r\nthree", "one\ntwo\nthree"],
    ["safe\rrm -rf", "safe\nrm -rf"],
    ["a\tb", "a\tb"],
    ["\x00\x07\x7f\x85", ""],
    ["abc\u202efdp.exe", "abcfdp.exe"],
    ["half \ud83d", "half \ufffd"],
    ["Grüße, 世界 👩‍🚀", "Grüße, 世界 👩‍🚀"],
  ])("makes %j into %j", (text, expected) => {
    expect(sanitize(text)).toBe(expected);
  });

  test("lets nothing through that a terminal would act on, whatever comes in", () => {
    fc.assert(
      fc.property(hostile, fc.nat(200), (text, maxLength) => {
        const clean = sanitize(text, { maxLength });
        expect(clean).not.toMatch(control);
        expect(clean.isWellFormed()).toBe(true);
        expect(clean.length).toBeLessThanOrEqual(maxLength);
      }),
    );
  });

  test("changes nothing that it has cleaned before", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(sanitize(sanitize(text))).toBe(sanitize(text));
      }),
    );
  });

  test("keeps printable ASCII as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
        expect(sanitize(text)).toBe(text);
      }),
    );
  });

  test("marks where it cut a long text, and cuts no character in two", () => {
    expect(sanitize("abcdef", { maxLength: 4 })).toBe("abc…");
    expect(sanitize("ab👩cd", { maxLength: 4 })).toBe("ab…");
    expect(sanitize("abcdef", { maxLength: 0 })).toBe("");
  });

  test.each(["\x1b]", "\x1bP", "\x1b[;", "\x9d", "\x1b(", "\r", "\x1b[1"])(
    "is done at once with a megabyte of %j",
    (piece) => {
      expect(sanitize(piece.repeat(1_000_000 / piece.length))).not.toMatch(control);
    },
  );
});

describe("stripEscapes and oneLine", () => {
  test("stripEscapes keeps carriage returns and other control characters", () => {
    expect(stripEscapes("\x1b[31ma\r\x07b")).toBe("a\r\x07b");
  });

  test("oneLine makes one line", () => {
    expect(oneLine("  a\r\n\x1b[1mb\t c \n")).toBe("a b c");
    expect(oneLine("abcdef", { maxLength: 3 })).toBe("ab…");
  });
});

describe("on the last step to a person", () => {
  const obeyed =
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
  const colours = /\x1b\[[\d;]*m/g;

  test("nothing but colours reaches a terminal, whatever comes in", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(forTerminal(text).replace(colours, "")).not.toMatch(obeyed);
      }),
    );
  });

  test("our own colours and tables stay as they are", () => {
    const ours = "\x1b[31m│ red │\x1b[39m\n├─────┤\t1;2m";
    expect(forTerminal(ours)).toBe(ours);
    expect(forTerminal("\x1b[31mred\x1b[39m\x1b[2J\x1b]0;title\x07\x1b[8;1Hgone")).toBe(
      "\x1b[31mred\x1b[39mgone",
    );
  });

  test("JSON says the same as before, with nothing in it that a terminal obeys", () => {
    fc.assert(
      fc.property(hostile, fc.string(), (text, key) => {
        const value = { [key]: text, list: [text] };
        const json = inertJson(JSON.stringify(value, null, 2));
        expect(json).not.toMatch(obeyed);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
