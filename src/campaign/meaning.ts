import { extname } from "node:path";
import jsTokens from "js-tokens";

const scripts = new Set([".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"]);
const inC = new Set([".c", ".h", ".cc", ".cpp", ".hpp"]);

/**
 * Whether a file of a repro's folder is for people alone: its trials are what they were without it.
 *
 * @param path relative to the folder; what a workload holds is the workload's.
 * @example isForPeople("README.md") // true
 */
export function isForPeople(path: string): boolean {
  return /^(?:[^/]+\.(?:md|markdown|rst)|(?:README|NOTES|LICEN[CS]E|CHANGELOG)(?:\.txt)?)$/i.test(path);
}

/**
 * What a file says to a machine: scripts and C without their comments and blanks, everything else as it is.
 *
 * js-tokens: tells comments from strings, templates and regular expressions; typed, no dependencies.
 *
 * @example meaningOf("a.ts", Buffer.from("f(); // now")) // "f();"
 */
export function meaningOf(path: string, content: Buffer): string | Buffer {
  const kind = extname(path);
  if (scripts.has(kind)) return joined(scriptTokens(content.toString("utf8"))) ?? content;
  if (inC.has(kind)) return joined(cTokens(content.toString("utf8"))) ?? content;
  return content;
}

/** A piece of a program, or what stands between two: `\n` where that breaks the line, which may end a statement. */
type Piece = { readonly text: string } | { readonly blank: " " | "\n" };

/** Pieces with one blank at most between two; undefined: the program cannot be read. */
function joined(pieces: readonly Piece[] | undefined): string | undefined {
  if (!pieces) return undefined;
  let text = "";
  let blank = "";
  for (const piece of pieces) {
    if ("blank" in piece) {
      if (blank !== "\n") blank = piece.blank;
      continue;
    }
    text += `${text === "" ? "" : blank}${piece.text}`;
    blank = "";
  }
  return text;
}

function scriptTokens(text: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  for (const token of jsTokens(text)) {
    if (token.type === "Invalid" || ("closed" in token && !token.closed)) return undefined;
    switch (token.type) {
      case "SingleLineComment":
      case "HashbangComment":
        break;
      case "LineTerminatorSequence":
        pieces.push({ blank: "\n" });
        break;
      case "WhiteSpace":
      case "MultiLineComment":
        pieces.push({ blank: /[\n\r]/.test(token.value) ? "\n" : " " });
        break;
      default:
        pieces.push({ text: token.value });
    }
  }
  return pieces;
}

/** Strings and characters, comments, blanks, and all else. */
const cPiece =
  /(?<text>"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|[^\s"'/]+|\/(?![/*]))|(?<comment>\/\/(?:\\\r?\n|[^\n])*|\/\*[\s\S]*?\*\/)|(?<blank>\s+)/g;

function cTokens(text: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(cPiece)) {
    // A quote without its end: what follows is anybody's guess.
    if (match.index !== at) return undefined;
    at += match[0].length;
    const { text: code, comment, blank } = match.groups ?? {};
    if (code !== undefined) pieces.push({ text: code });
    else pieces.push({ blank: (blank ?? comment)?.includes("\n") ? "\n" : " " });
  }
  return at === text.length ? pieces : undefined;
}
