import { openAsBlob } from "node:fs";
import { z } from "zod";
import { InfraError, messageOf } from "../../base/errors.ts";
import { parseJson } from "../../base/parse-json.ts";
import type { RegistryAddress } from "../../base/registry-address.ts";
import { oneLine } from "../../base/text.ts";
import { timeouts } from "../../base/timeouts.ts";
import { withDeadline } from "../../base/wait.ts";
import { readAtMost } from "./body.ts";
import { type Challenge, parseChallenge, realmOf } from "./challenge.ts";
import { type Credentials, credentialsFor } from "./credentials.ts";

/**
 * A registry that did not do what it should. `unreachable`: it does not answer, or not in time, or is full: others
 * would fare no better. `refused`: what it answered is not used.
 */
export class RegistryError extends InfraError {
  override readonly name = "RegistryError";
  readonly kind: "unreachable" | "refused";
  constructor(kind: RegistryError["kind"], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
  }
}

const tokenSchema = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** More words than this are no answer to anything. */
const mostWords = 64 * 1024;

interface Ask {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes, or the path of a file. */
  readonly body?: Uint8Array<ArrayBuffer> | { readonly file: string } | undefined;
  /** Answers that are no failure. */
  readonly accept: readonly number[];
  /** Whether it may name another place: blobs often lie elsewhere. */
  readonly redirects?: boolean;
}

/**
 * Asks a registry. The protocol is six requests, so it is written here: clients for Node that are kept up are parts of
 * larger programs, keep whole blobs in memory, or follow redirects with the user's credentials.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export class RegistryClient {
  readonly #address: RegistryAddress;
  readonly #configs: readonly string[];
  readonly #signal: AbortSignal;
  #authorization: string | undefined;

  constructor(address: RegistryAddress, configs: readonly string[], signal: AbortSignal) {
    this.#address = address;
    this.#configs = configs;
    this.#signal = signal;
  }

  /** The address of something of the repository. @example client.at("manifests/latest") */
  at(path: string): URL {
    return new URL(`/v2/${this.#address.name}/${path}`, this.#address.origin);
  }

  /**
   * Ask, and log in where that is wanted.
   *
   * @throws {RegistryError}
   */
  async ask(request: Ask): Promise<Response> {
    const first = await this.#send(request);
    if (first.status !== 401) return await this.#checked(request, first);
    const challenge = parseChallenge(first.headers.get("www-authenticate") ?? "");
    await first.body?.cancel();
    if (!challenge) throw this.#refused(`${request.url.host} wants a login of a kind that is not known here`);
    this.#authorization = await this.#logIn(challenge);
    return await this.#checked(request, await this.#send(request));
  }

  #refused(why: string): RegistryError {
    return new RegistryError("refused", why);
  }

  async #checked(request: Ask, response: Response): Promise<Response> {
    if (request.accept.includes(response.status)) return response;
    const said = oneLine((await readAtMost(response, mostWords).catch(() => Buffer.of())).toString(), {
      maxLength: 300,
    });
    const { method, url } = request;
    const kind = response.status === 507 || response.status >= 500 ? "unreachable" : "refused";
    throw new RegistryError(
      kind,
      `${method} ${url.origin}${url.pathname} was answered with HTTP status ${response.status}${said === "" ? "" : `: ${said}`}`,
    );
  }

  async #send(request: Ask): Promise<Response> {
    let { url } = request;
    const { origin } = url;
    for (let hop = 0; hop <= mostHops; hop += 1) {
      const response = await this.#fetch(request, url, url.origin === origin);
      if (![301, 302, 303, 307, 308].includes(response.status)) return response;
      await response.body?.cancel();
      const to = parseUrl(response.headers.get("location") ?? "", url);
      if (!to || !request.redirects || !mayLeadTo(url, to))
        throw this.#refused(
          `${url.origin}${url.pathname} leads to ${to ? to.origin : "nowhere"}, which is not followed`,
        );
      url = to;
    }
    throw this.#refused(`${request.url.origin}${request.url.pathname} leads from one place to the next`);
  }

  async #fetch(request: Ask, url: URL, isRegistry: boolean): Promise<Response> {
    const { method, headers = {}, body } = request;
    const own = body === undefined || body instanceof Uint8Array ? body : await openAsBlob(body.file);
    // A file takes as long as it takes: whoever sends one has a deadline of its own for all of it.
    const within = own instanceof Blob ? timeouts.registry.push : timeouts.registry.answer;
    try {
      return await withDeadline(`${url.origin} to answer`, { within, signal: this.#signal }, (signal) =>
        fetch(url, {
          method,
          // The rest of the answer is read after this deadline: it has its own.
          signal: AbortSignal.any([signal, this.#signal]),
          redirect: "manual",
          headers: {
            ...headers,
            // Nobody but the registry learns who we are.
            ...(isRegistry && this.#authorization !== undefined
              ? { authorization: this.#authorization }
              : {}),
          },
          ...(own === undefined ? {} : { body: own }),
        }),
      );
    } catch (error) {
      this.#signal.throwIfAborted();
      const why = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      throw new RegistryError("unreachable", `${url.origin} cannot be asked: ${why}`, error);
    }
  }

  async #logIn(challenge: Challenge): Promise<string> {
    const { host } = this.#address;
    const credentials = await credentialsFor(host, this.#configs, this.#signal);
    if (challenge.type === "basic") {
      if (credentials?.type !== "password")
        throw this.#refused(
          `${host} wants a name and a password, and docker's configuration has none for it`,
        );
      return basic(credentials);
    }
    const realm = realmOf(challenge, this.#address);
    if (!realm)
      throw this.#refused(`${host} sends us to ${challenge.realm} to log in, which is not followed`);
    const url = new URL(realm.url);
    const scope = challenge.scope ?? `repository:${this.#address.name}:pull`;
    const words = { service: challenge.service ?? host, scope };
    const isTrusted = realm.isTrusted && credentials !== undefined;
    const request =
      isTrusted && credentials.type === "identity"
        ? postForm({
            ...words,
            grant_type: "refresh_token",
            client_id: "dstate",
            refresh_token: credentials.token,
          })
        : {
            method: "GET" as const,
            headers:
              isTrusted && credentials.type === "password" ? { authorization: basic(credentials) } : {},
          };
    if (request.method === "GET")
      for (const [name, value] of Object.entries(words)) url.searchParams.set(name, value);
    const before = this.#authorization;
    this.#authorization = undefined;
    const response = await this.#checked(
      { ...request, url, accept: [200] },
      await this.#fetch({ ...request, url, accept: [200] }, url, false),
    ).finally(() => {
      this.#authorization = before;
    });
    const parsed = tokenSchema.safeParse(parseJson((await readAtMost(response, mostWords)).toString()));
    const token = parsed.data?.token ?? parsed.data?.access_token;
    if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
      throw this.#refused(`${url.origin} gave no token`);
    return `Bearer ${token}`;
  }
}

const mostHops = 3;

/** Blobs may lie with another host, which then is asked without a word about us; never over less than before. */
function mayLeadTo(from: URL, to: URL): boolean {
  return to.origin === from.origin || (from.protocol === "https:" && to.protocol === "https:");
}

function parseUrl(text: string, base: URL): URL | undefined {
  return text !== "" && URL.canParse(text, base.href) ? new URL(text, base) : undefined;
}

function basic({ user, password }: Extract<Credentials, { type: "password" }>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function postForm(fields: Readonly<Record<string, string>>): {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
} {
  const body = new TextEncoder().encode(new URLSearchParams(fields).toString());
  return { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body };
}
