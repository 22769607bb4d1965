import { type Node, SyntaxKind } from "typescript/unstable/ast";
import {
  isConstructorDeclaration,
  isExpressionWithTypeArguments,
  isParameterDeclaration,
  isPropertySignatureDeclaration,
  isTypeReferenceNode,
} from "typescript/unstable/ast/is";
import type { Symbol as TypeSymbol } from "typescript/unstable/sync";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Declarations, openDeclarations } from "./declarations.ts";

let declarations: Declarations;
beforeAll(async () => {
  declarations = await openDeclarations();
}, 120_000);
afterAll(async () => await declarations[Symbol.asyncDispose]());

/** The names of types in a declaration, as far as its user meets them. */
function typeNames(node: Node, constructors: boolean): Node[] {
  if (isPrivate(node) || (isConstructorDeclaration(node) && !constructors)) return [];
  const own = isTypeReferenceNode(node)
    ? [node.typeName]
    : isExpressionWithTypeArguments(node)
      ? [node.expression]
      : [];
  const below: Node[] = [];
  node.forEachChild((child) => void below.push(...typeNames(child, constructors)));
  return [...own, ...below];
}

function isPrivate(node: Node): boolean {
  if ("name" in node && (node.name as Node | undefined)?.kind === SyntaxKind.PrivateIdentifier) return true;
  return hasModifier(node, SyntaxKind.PrivateKeyword);
}

function hasModifier(node: Node, kind: SyntaxKind): boolean {
  const modifiers = "modifiers" in node ? (node.modifiers as Iterable<Node> | undefined) : undefined;
  return [...(modifiers ?? [])].some((modifier) => modifier.kind === kind);
}

/** Types of ours that public declarations name, directly or through others, and by whom they are named. */
function namedTypes(): Map<TypeSymbol, string> {
  const found = new Map<TypeSymbol, string>();
  const waiting = declarations.names.map(({ symbol, typeOnly }) => ({ symbol, constructors: !typeOnly }));
  const seen = new Set<number>();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { symbol, constructors } = next;
    if (seen.has(symbol.id)) continue;
    seen.add(symbol.id);
    if (declarations.placeOf(symbol) === undefined) continue;
    for (const node of declarations.nodesOf(symbol).flatMap((each) => typeNames(each, constructors))) {
      const named = declarations.checker.getSymbolAtLocation(node);
      if (!named) continue;
      const type = declarations.target(named);
      if (!isExported(type)) continue;
      if (!found.has(type)) found.set(type, symbol.name);
      waiting.push({ symbol: type, constructors: false });
    }
  }
  return found;
}

/** A type that its own module keeps to itself is a part of those that use it. */
function isExported(symbol: TypeSymbol): boolean {
  if (declarations.placeOf(symbol) === undefined) return false;
  return declarations.nodesOf(symbol).some((node) => hasModifier(node, SyntaxKind.ExportKeyword));
}

test("every type that the public interface names is exported by it", () => {
  const types = namedTypes();
  expect(types.size).toBeGreaterThan(50);
  const open = new Set(declarations.names.map(({ symbol }) => symbol.id));
  const missing = [...types].filter(([{ id }]) => !open.has(id));
  expect(
    missing.map(([symbol, by]) => `${symbol.name} of ${declarations.placeOf(symbol)}, named by ${by}`).sort(),
  ).toEqual([]);
});

/** Types whose values a user writes. */
const written = /(Options|Definition|Axes|Choice|View|Pattern|Request|Shape|Preparation)$/;

/** Optional properties below a node that do not take `undefined`, which a strict project has to leave out by hand. */
function withoutUndefined(node: Node, isWritten: boolean): string[] {
  if (isPrivate(node)) return [];
  const inside = isWritten || isParameterDeclaration(node);
  const found: string[] = [];
  if (
    inside &&
    isPropertySignatureDeclaration(node) &&
    node.postfixToken?.kind === SyntaxKind.QuestionToken
  ) {
    const text = node.type?.getText() ?? "";
    if (!/\bundefined$/.test(text) && text !== "unknown") found.push(node.name.getText());
  }
  node.forEachChild((child) => void found.push(...withoutUndefined(child, inside)));
  return found;
}

test("every optional property that a user writes may be undefined", () => {
  const odd = declarations.names.flatMap(({ name, symbol }) =>
    declarations
      .nodesOf(symbol)
      .flatMap((node) =>
        withoutUndefined(node, written.test(name)).map((property) => `${name}: ${property}`),
      ),
  );
  expect([...new Set(odd)].sort()).toEqual([]);
});
