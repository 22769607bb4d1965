import { expect } from "vitest";
import type { z } from "zod";
import type { DocumentBody, DocumentName, ErrorBody } from "../../src/report/documents/documents.ts";
import { documentSchema, errorSchema } from "../../src/report/documents/json-schemas.ts";

/**
 * A document that a command printed: it is valid by its schema, and has no field that the schema does not tell of.
 *
 * @param stdout all of standard output: nothing else is printed there.
 */
export function documentIn<Name extends DocumentName>(name: Name, stdout: string): DocumentBody<Name> {
  const document = checked(documentSchema(name), stdout);
  expect(document).toMatchObject({ schemaVersion: 1, command: name });
  // The schema has vouched for it.
  return document as DocumentBody<Name>;
}

/** The same of what a command printed in place of its document. */
export function errorIn(command: string, stdout: string): ErrorBody {
  const document = checked(errorSchema, stdout);
  expect(document).toMatchObject({ schemaVersion: 1, command });
  return document as unknown as ErrorBody;
}

function checked(schema: z.ZodObject, stdout: string): Record<string, unknown> {
  const document: unknown = JSON.parse(stdout);
  const known = schema.parse(document);
  // What a schema does not know, it leaves out.
  expect(document).toEqual(known);
  return known;
}
