import type { Duplex, Readable } from "node:stream";
import type { Client, ClientChannel, ConnectConfig } from "ssh2";
import { InfraError, messageOf } from "../base/errors.ts";
import { ssh2 } from "../base/ssh2.ts";
import { pause } from "../base/wait.ts";
import { ConnectionLost } from "../machine/fault.ts";
import type { Seed } from "../machine/seed.ts";

/** Where a guest's ssh daemon is, and the keys of both sides. */
export interface SshPlace {
  readonly seed: Pick<Seed, "clientKey" | "hostKey">;
  readonly sshPort: number;
}

/** An open ssh connection to a guest. */
export interface SshConnection extends Disposable {
  /** Start a command; the guest's shell runs the text. */
  exec(command: string, signal: AbortSignal, pty?: Terminal): Promise<SshCommand>;
  readonly closed: boolean;
}

/** How a command's first process ended, as ssh tells. */
export interface CommandExit {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  /** Such as `SIGKILL`; null when it exited by itself. */
  readonly signal: string | null;
}

/** A terminal that a command runs in. */
export interface Terminal {
  readonly rows: number;
  readonly cols: number;
  /** Its name for terminfo(5). */
  readonly term: string;
}

/**
 * The streams of a command: what it prints comes out, what is written is its input. Written down here, because the
 * types of the ssh library would come with types of another Node into the project of a user.
 */
export interface CommandChannel extends Duplex {
  readonly stderr: Readable;
  close(): void;
  setWindow(rows: number, columns: number, height: number, width: number): void;
}

/** A command that was started over ssh. */
export interface SshCommand {
  readonly channel: CommandChannel;
  /**
   * How it ended, as soon as that is known. A short command's end comes in one packet with the news that it was
   * started: who listens for it later than that misses it.
   */
  readonly exit: CommandExit | undefined;
}

/**
 * Open a connection, trying again until the guest's daemon is there; deadline, exit and crash come with the
 * signal.
 */
export async function connectSsh(machine: SshPlace, signal: AbortSignal): Promise<SshConnection> {
  for (;;) {
    try {
      return await connectOnce(machine, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WrongHostKey || isRefusal(error)) throw error;
      // The port answers before the guest's daemon does: slirp accepts first and resets later.
      await pause("50ms", signal);
    }
  }
}

/** The daemon answered and does not want our key: asking again does not help. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && "level" in error && error.level === "client-authentication";
}

class WrongHostKey extends InfraError {}

async function connectOnce(machine: SshPlace, signal: AbortSignal): Promise<SshConnection> {
  const client = new ssh2.Client();
  const ready = Promise.withResolvers<void>();
  let wrongKey: Error | undefined;
  let closed = false;
  // Small writes in a row: each would wait for the answer to the one before, which slirp delays.
  client.once("connect", () => client.setNoDelay(true));
  client.once("ready", ready.resolve);
  client.once("error", (error) => ready.reject(wrongKey ?? error));
  client.once("close", () => {
    closed = true;
    ready.reject(wrongKey ?? new ConnectionLost("the guest closed the ssh connection"));
  });
  client.on("error", () => {});
  const onAbort = (): void => {
    ready.reject(signal.reason);
    client.destroy();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    client.connect(settings(machine, (error) => (wrongKey = error)));
    await ready.promise;
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return {
    exec: async (command, inner, pty) => await openChannel(client, command, inner, pty),
    get closed() {
      return closed;
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}

function settings(machine: SshPlace, onWrongKey: (error: Error) => void): ConnectConfig {
  return {
    host: "127.0.0.1",
    port: machine.sshPort,
    username: "root",
    privateKey: machine.seed.clientKey,
    readyTimeout: 60_000,
    hostVerifier: (key: Buffer) => {
      const same = key.equals(machine.seed.hostKey);
      if (!same) onWrongKey(new WrongHostKey("the guest's ssh host key is not the one this run gave it"));
      return same;
    },
    algorithms: {
      // The cheapest secure choices for a guest whose every instruction is translated.
      kex: ["curve25519-sha256"],
      serverHostKey: ["ssh-ed25519"],
      cipher: ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"],
      compress: ["none"],
    },
  };
}

async function openChannel(
  client: Client,
  command: string,
  signal: AbortSignal,
  pty?: Terminal,
): Promise<SshCommand> {
  signal.throwIfAborted();
  const opened = Promise.withResolvers<SshCommand>();
  const onAbort = (): void => opened.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const onClose = (): void => opened.reject(new ConnectionLost("the ssh connection to the guest broke off"));
  client.once("close", onClose);
  try {
    client.exec(command, pty ? { pty: { ...pty } } : {}, (error, channel) => {
      if (error) opened.reject(new ConnectionLost(`the guest refused to run a command: ${messageOf(error)}`));
      // Nobody waits for it any more: do not leave it open in the guest.
      else if (signal.aborted) channel.close();
      else opened.resolve(watchExit(channel));
    });
    return await opened.promise;
  } finally {
    client.removeListener("close", onClose);
    signal.removeEventListener("abort", onAbort);
  }
}

function watchExit(channel: ClientChannel): SshCommand {
  let exit: CommandExit | undefined;
  channel.on("exit", (exitCode: number | null, signal?: string) => {
    exit = { exitCode, signal: signal ?? null };
  });
  return {
    channel,
    get exit() {
      return exit;
    },
  };
}
