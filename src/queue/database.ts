import type { PgBoss } from "pg-boss";
import { z } from "zod";
import { DstateError, InfraError, messageOf, UsageError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";

/** Something that runs statements: a connection, or a transaction. */
export type Statements = Pick<ReturnType<PgBoss["getDb"]>, "executeSql">;

/** What PostgreSQL says when the address is wrong, and not the network. @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
const usersMistakes: Readonly<Record<string, string>> = {
  "28P01": "Check the user's name and password.",
  "28000": "Check the user's name, and that the server's pg_hba.conf lets it in.",
  "3D000": "Create the database with `createdb`, or name another.",
  "42501": "The user has to be allowed to create schemas in this database: dstate makes two.",
};

/** An error of the queue's database, for people. */
export function explainDatabase(shown: string, error: unknown): DstateError {
  if (error instanceof DstateError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const why = oneLine(messageOf(error) || code, { maxLength: 400 });
  const next = usersMistakes[code];
  if (next !== undefined) return new UsageError(`the queue ${shown} does not let us in: ${why}`, { next });
  if (code === "ENOTFOUND")
    return new UsageError(`the queue ${shown} is nowhere: ${why}`, { next: "Check the host's name." });
  return new InfraError(`the queue ${shown} cannot be used: ${why}`, {
    next: "See that PostgreSQL runs there and can be reached from here.",
    cause: error,
  });
}

/** Rows of a statement, checked. */
export async function rowsOf<Row>(
  db: Statements,
  schema: z.ZodType<Row>,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const { rows } = await db.executeSql(text, [...values]);
  return z.array(schema).parse(rows);
}

/** A statement that PostgreSQL understood and refused: to say it again helps nobody. Class 22, 23 and 42 of its codes. */
export function isOurMistake(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(?:22|23|42)/.test(String(error.code));
}
