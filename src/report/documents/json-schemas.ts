import { z } from "zod";
import { runSchema } from "../../record/run-record.ts";
import { type DocumentName, documents, errorBody } from "./documents.ts";
import { trial } from "./parts.ts";

/** The schema of a command's whole document. @example documentSchema("run").parse(JSON.parse(stdout)) */
export function documentSchema(name: DocumentName): z.ZodObject {
  const { version, body } = documents[name];
  return withHead(body, version, z.literal(name));
}

/** The schema of what any command prints with `--json` when it fails. */
export const errorSchema = withHead(errorBody, 1, z.string().describe("The words after `dstate`."));

/** The file trial.json: a mistake of the repro's author is no outcome of a trial, and is saved like one. */
export const trialFileSchema = trial.extend({
  schemaVersion: z.literal(1),
  outcome: z.union([trial.shape.outcome, z.literal("usage-error")]),
});

/**
 * Every published schema, by the name of its file below `schemas/`.
 *
 * @see https://json-schema.org/draft/2020-12
 */
export function jsonSchemas(): Map<string, object> {
  const names = Object.keys(documents) as DocumentName[];
  const all: readonly (readonly [string, z.ZodType, string])[] = [
    ...names.map(
      (name) =>
        [
          name.replaceAll(/ (?:--)?/g, "-"),
          documentSchema(name),
          `What \`dstate ${name} --json\` prints.`,
        ] as const,
    ),
    ["error", errorSchema, "What any command prints with --json when it fails."],
    ["run-record", runSchema, "The file run.json of a run's folder."],
    ["trial", trialFileSchema, "The file trial.json of a trial's folder."],
  ];
  return new Map(
    all.map(([name, schema, description]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input", override: plainIntegers });
      const head = { $schema, $id: `urn:dstate:schema:${name}`, title: name, description };
      return [`${name}.schema.json`, { ...head, ...rest }];
    }),
  );
}

/** The bounds of JavaScript's own integers say nothing about ours. */
function plainIntegers({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

function withHead(body: z.ZodObject, version: number, command: z.ZodType): z.ZodObject {
  return z.object({
    schemaVersion: z
      .literal(version)
      .describe("Counts up when a field goes or changes its meaning; fields may be added at any time."),
    command,
    ...body.shape,
  });
}
