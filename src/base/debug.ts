import { channel, subscribe } from "node:diagnostics_channel";

/** What is published when a command of ours starts or ends, on the host or in a guest. */
interface CommandEvent {
  readonly where: "host" | "guest";
  readonly what: string;
  /** Milliseconds that it took; undefined: it starts. */
  readonly took: number | undefined;
}

/** Anybody in the process may listen. @see https://nodejs.org/api/diagnostics_channel.html */
const commands = channel("dstate:command");

/**
 * Tell whoever debugs that a command begins; call what is returned when it has ended.
 *
 * @example const done = trace("guest", "uname -r"); try { ... } finally { done(); }
 */
export function trace(where: CommandEvent["where"], what: string): () => void {
  if (!commands.hasSubscribers) return () => {};
  const start = performance.now();
  commands.publish({ where, what, took: undefined } satisfies CommandEvent);
  return () => commands.publish({ where, what, took: performance.now() - start } satisfies CommandEvent);
}

/**
 * Write a line for each command as it starts and ends, as `DSTATE_DEBUG=1` asks. Once is enough: a second call does
 * nothing.
 *
 * @example traceTo((line) => process.stderr.write(`${line}\n`));
 */
export function traceTo(write: (line: string) => void): void {
  if (commands.hasSubscribers) return;
  subscribe(commands.name, (message) => {
    const { where, what, took } = message as CommandEvent;
    // One line each, and nothing in it that a terminal obeys.
    const line = JSON.stringify(what.length > 400 ? `${what.slice(0, 400)} ...` : what).slice(1, -1);
    write(`[dstate ${where}] ${took === undefined ? `> ${line}` : `< ${line} (${Math.round(took)} ms)`}`);
  });
}
