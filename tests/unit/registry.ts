import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import pWaitFor from "p-wait-for";

/** A port that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Debian's docker-registry on this host, with a folder of its own. */
export interface RunningRegistry extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** End it, as a power cut would. */
  stop(): Promise<void>;
}

/**
 * Start a registry.
 *
 * @see https://distribution.github.io/distribution/about/configuration/
 * @param options.htpasswd lines of a password file, with bcrypt: then it wants a login.
 */
export async function startRegistry(
  dir: string,
  options: { readonly htpasswd?: string; readonly port?: number } = {},
): Promise<RunningRegistry> {
  const port = options.port ?? (await freePort());
  await mkdir(join(dir, "data"), { recursive: true });
  const auth =
    options.htpasswd === undefined
      ? []
      : ["auth:", "  htpasswd:", "    realm: tests", `    path: ${join(dir, "htpasswd")}`];
  if (options.htpasswd !== undefined) await writeFile(join(dir, "htpasswd"), options.htpasswd);
  await writeFile(
    join(dir, "registry.yml"),
    [
      "version: 0.1",
      "log: { level: error }",
      "storage:",
      "  filesystem:",
      `    rootdirectory: ${join(dir, "data")}`,
      "  delete: { enabled: true }",
      "http:",
      `  addr: 127.0.0.1:${port}`,
      ...auth,
      "",
    ].join("\n"),
  );
  const child = spawn("docker-registry", ["serve", join(dir, "registry.yml")], { stdio: "ignore" });
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  await pWaitFor(
    async () =>
      await fetch(`http://127.0.0.1:${port}/v2/`).then(
        ({ status }) => status === 200 || status === 401,
        () => {
          if (child.exitCode !== null) throw new Error("docker-registry did not start");
          return false;
        },
      ),
    { interval: 50, timeout: 30_000 },
  );
  return { address: `oci://127.0.0.1:${port}/team/cache`, port, stop, [Symbol.asyncDispose]: stop };
}

/** What stands between dstate and a registry. Returns whether it has answered itself. */
export type Meddler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** A registry's address with somebody in between who changes what he likes. */
export async function meddleWith(
  registry: RunningRegistry,
  meddler: Meddler,
): Promise<AsyncDisposable & { readonly address: string; readonly requests: string[] }> {
  const requests: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    if (await meddler(request, response)) return;
    const body =
      request.method === "GET" || request.method === "HEAD" ? {} : { body: request, duplex: "half" };
    const own = await fetch(`http://127.0.0.1:${registry.port}${request.url}`, {
      method: request.method ?? "GET",
      headers: pick(request.headers, ["accept", "authorization", "content-type"]),
      redirect: "manual",
      ...body,
    } as RequestInit);
    const bytes = Buffer.from(await own.arrayBuffer());
    const headers = Object.fromEntries(
      [...own.headers].filter(([name]) => !["content-length", "transfer-encoding"].includes(name)),
    );
    if (headers.location !== undefined)
      headers.location = headers.location.replace(
        `:${registry.port}/`,
        `:${(server.address() as AddressInfo).port}/`,
      );
    response.writeHead(own.status, headers).end(bytes);
  };
  const server: Server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `oci://127.0.0.1:${(server.address() as AddressInfo).port}/team/cache`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function pick(headers: IncomingMessage["headers"], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (headers[name] ? [[name, String(headers[name])]] : [])));
}
