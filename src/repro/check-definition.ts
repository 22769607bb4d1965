import { closestMatch } from "leven";
import { z } from "zod";
import { type Duration, isDuration } from "../base/duration.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { type ImageKind, imageKinds } from "../base/settings.ts";
import { isSize } from "../base/size.ts";
import { either, oneLine } from "../base/text.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { type FindingKind, isFindingKind } from "../kernel-log/kinds.ts";
import { type Axes, type CellChoice, chooseCell } from "../lab/cell.ts";

/** Where to read on. */
const next = "docs/new-repro.md goes through a definition.";

/** Most problems that are told at once. */
const mostProblems = 8;

const text = z.string({ error: "expected a text" });
const word = text.min(1, { error: "expected a text that is not empty" });
const fun = (that: string) =>
  z.custom<(...args: never[]) => unknown>((value) => typeof value === "function", {
    error: `expected a function that ${that}`,
  });
const some = <Schema extends z.ZodType>(schema: Schema, example: string) => {
  const error = `expected a list with one at least, such as ${example}`;
  return z.array(schema, { error }).min(1, { error });
};
const someWords = some(word, '["a"]');
const texts = z.record(text, text, { error: 'expected texts by name, such as { NAME: "value" }' });
const count = z.int({ error: "expected a whole number above zero" }).positive({
  error: "expected a whole number above zero",
});
const duration = z.custom<Duration>(
  (value) =>
    typeof value === "number"
      ? value > 0 && value < Infinity
      : typeof value === "string" && isDuration(value),
  { error: "expected a duration such as 5s" },
);
const size = z.custom<number | string>(
  (value) => isSize(value) || (Number.isInteger(value) && Number(value) > 0),
  {
    error: "expected a size such as 1GiB",
  },
);
const kernel = word.superRefine((selector, context) => {
  try {
    parseKernelSelector(selector);
  } catch (error) {
    context.addIssue({ code: "custom", message: `expected a kernel such as 6.1.115 (${messageOf(error)})` });
  }
});
const kind = z.custom<FindingKind>((value) => typeof value === "string" && isFindingKind(value), {
  error: 'expected a kind of finding, such as "hung-task"',
});
const strict = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, { error: `expected an object with ${Object.keys(shape).join(", ")}` });

const byImage = <Schema extends z.ZodType>(schema: Schema) => z.partialRecord(z.enum(imageKinds), schema);

const axes = strict({
  kernel: some(kernel, '["6.1.115"]'),
  node: someWords.optional(),
  env: some(texts, "[{}]").optional(),
  own: z
    .record(text, someWords, { error: 'expected lists by name, such as { mode: ["bad", "good"] }' })
    .optional(),
  files: z.array(word, { error: "expected a list of names of axes" }).optional(),
  images: byImage(strict({ kernel: kernel.optional(), node: word.optional() })).optional(),
});
const choice = strict({
  kernel: kernel.optional(),
  node: word.optional(),
  env: texts.optional(),
  image: z.enum(imageKinds, { error: `expected ${either(imageKinds)}` }).optional(),
  axes: texts.optional(),
});

const knownCells = { bad: some(choice, "[{}]"), control: some(choice, "[{}]") };

/** Each field that a definition may have. */
export const definitionFields = {
  id: z.string({ error: "expected a text" }).regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, {
    error: 'expected kebab-case, such as "io-uring-dstate"',
  }),
  title: text,
  upstream: some(
    z.url({ error: "expected the address of a report, such as https://github.com/nodejs/node/issues/55587" }),
    '["https://..."]',
  ),
  axes,
  cells: strict({ ...knownCells, images: byImage(strict(knownCells)).optional() }),
  workload: z
    .custom<URL>((value) => value instanceof URL && value.protocol === "file:", {
      error: 'expected a folder as new URL("./workload", import.meta.url)',
    })
    .optional(),
  prepare: strict({ key: fun("names the result"), make: fun("makes it") }).optional(),
  npm: z
    .union([word, fun("returns it")], { error: "expected a version of npm, or a function that returns one" })
    .optional(),
  check: fun("looks at a cell").optional(),
  kernelFragments: fun("returns lines of kernel configuration").optional(),
  nixosSystem: fun("returns the name of a system").optional(),
  machine: strict({ cpus: count.optional(), memory: size.optional() }).optional(),
  view: strict({ axes: texts.optional(), folder: word, process: word, command: word }).optional(),
  kernelLog: some(
    strict({
      kind: z.union([kind, some(kind, '["hung-task"]')]).optional(),
      frames: someWords.optional(),
      title: z
        .union([word, z.instanceof(RegExp)], { error: "expected a text or a regular expression" })
        .optional(),
      task: word.optional(),
    }),
    '[{ kind: "hung-task", frames: ["mutex_lock"] }]',
  ).optional(),
  deadline: duration,
  trial: fun("runs one trial"),
  signature: fun("says what counts as reproduced"),
  healthy: fun("says what counts as clean"),
  summary: fun("says in a sentence what was seen"),
  columns: fun("returns texts by column").optional(),
};
const definitionSchema = strict(definitionFields);

interface KnownChoices {
  readonly bad: readonly CellChoice[];
  readonly control: readonly CellChoice[];
}

/** What is looked at once every field is right by itself. */
interface CellsOfDefinition {
  readonly axes: Axes;
  readonly cells: KnownChoices & {
    readonly images?: Readonly<Partial<Record<ImageKind, KnownChoices>>> | undefined;
  };
}

/**
 * Check a definition as it was written: types are stripped, not checked, when a repro is run.
 *
 * @throws {UsageError} that names each field that is wrong, with what was expected and what was found; of a field
 * that does not exist, the one that was most likely meant.
 * @example checkDefinition(definition) // deadline: expected a duration such as 5s, found '4 minutes'
 */
export function checkDefinition(definition: CellsOfDefinition): void {
  const parsed = definitionSchema.safeParse(definition);
  const problems = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describe(issue, definition));
  if (parsed.success) problems.push(...impossibleCells(definition));
  if (problems.length === 0) return;
  const id = valueAt(definition, ["id"]);
  const more = problems.length - mostProblems;
  throw new UsageError(
    `the definition of ${typeof id === "string" ? `the repro "${oneLine(id, { maxLength: 60 })}"` : "a repro"} cannot be used:\n${[
      ...problems.slice(0, mostProblems).map((problem) => `  ${problem}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ].join("\n")}`,
    { next },
  );
}

/** A cell that is named by what no axis has can never be run. */
function impossibleCells({ axes, cells }: CellsOfDefinition): string[] {
  const lists = [
    { place: "cells", ...cells },
    ...Object.entries(cells.images ?? {}).map(([kind, known]) => ({
      place: `cells.images.${kind}`,
      ...known,
    })),
  ].flatMap(({ place, bad, control }) => [
    [`${place}.bad`, bad] as const,
    [`${place}.control`, control] as const,
  ]);
  return lists.flatMap(([place, choices]) =>
    choices.flatMap((cell, index) => {
      try {
        chooseCell(axes, cell);
        return [];
      } catch (error) {
        const hint = error instanceof UsageError && error.next !== undefined ? ` (${error.next})` : "";
        return [`${place}[${index}]: ${messageOf(error)}${hint}`];
      }
    }),
  );
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, definition: unknown): string[] {
  const at = issue.path;
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(at);
    return issue.keys.map((key) => {
      const meant = closestMatch(key, known, { maxDistance: 3 });
      const hint = meant === undefined ? `there are: ${known.join(", ")}` : `did you mean ${meant}?`;
      return `${pathText([...at, key])}: there is no such field (${hint})`;
    });
  }
  const found = valueAt(definition, at);
  return [`${pathText(at)}: ${issue.message}, found ${found === undefined ? "nothing" : shown(found)}`];
}

/** The fields that there are at a place of a definition. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = definitionSchema;
  for (const part of path) {
    schema = inner(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[String(part)];
    else if (schema instanceof z.ZodArray) schema = schema.element;
  }
  schema = inner(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function inner(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

/** @example pathText(["cells", "bad", 0, "kernel"]) // "cells.bad[0].kernel" */
function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the definition";
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`))
    .join("");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inside, part) =>
      typeof inside === "object" && inside !== null
        ? (inside as Record<PropertyKey, unknown>)[part]
        : undefined,
    value,
  );
}

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "string") return `'${oneLine(value, { maxLength: 60 })}'`;
  if (value instanceof URL) return `the address ${oneLine(value.href, { maxLength: 80 })}`;
  return oneLine(JSON.stringify(value) ?? String(value), { maxLength: 60 });
}
