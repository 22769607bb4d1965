import { UsageError } from "../base/errors.ts";

/**
 * Read the address of a queue's database.
 *
 * @returns how it is named to people, without its password.
 * @throws {UsageError} for what is no address of PostgreSQL.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @example parseQueueAddress("postgres://dstate:secret@db/dstate").shown // "postgres://dstate@db/dstate"
 */
export function parseQueueAddress(text: string): { readonly url: string; readonly shown: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^postgres(?:ql)?:$/.test(url.protocol) || url.pathname.length < 2)
    throw new UsageError("this is no address of a queue", {
      next: "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, or leave the password to ~/.pgpass.",
    });
  const shown = new URL(url);
  shown.password = "";
  shown.search = "";
  return { url: text, shown: shown.href };
}
