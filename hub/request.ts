import { hubFailure, statusFailure, type Subject } from './failures.ts';
import type { Hub } from './hub.ts';
import { TransientFailure } from './retry.ts';
import { SilenceTimer } from './silence-timer.ts';

/** An answer of success, and its body as it arrives. */
export interface Answer {
  status: number;
  headers: Headers;
  /** Pieces of the body. @throws TransientFailure if the connection is cut or silent for too long */
  chunks: () => AsyncGenerator<Uint8Array, void, undefined>;
}

export interface RequestOptions {
  headers?: Readonly<Record<string, string>>;
  /** A status that is none of success, which `use` knows what to do with. */
  accept?: number;
}

/** The Hub needs one or two, a mirror some more. */
const MAX_REDIRECTS = 10;

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** Failures after which the same request may succeed; a name that is unknown or a port that is closed stays so. */
const transientCodes: readonly string[] = [
  'EAI_AGAIN',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
];

/**
 * Asks the Hub once and hands the answer to `use`. Redirects are followed here rather than by fetch, so that it can be
 * seen that the token goes to the origin of the endpoint only, and that https never becomes http.
 *
 * @throws NotFoundError `E_HUB_*`; TransientFailure for what may be gone a moment later; the reason of an abort
 */
export async function request<T>(
  hub: Hub,
  subject: Subject,
  address: string,
  { headers, accept }: RequestOptions,
  use: (answer: Answer) => Promise<T>,
): Promise<T> {
  const { settings, signal } = hub;
  const timer = new SilenceTimer(settings.timeoutMs, signal);
  const origin = new URL(settings.endpoint).origin;
  try {
    let url = new URL(address);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const authorization: Record<string, string> =
        settings.token !== undefined && url.origin === origin ? { authorization: `Bearer ${settings.token}` } : {};
      timer.restart();
      const response = await fetch(url, {
        // Sizes and hashes are those of the file, not of a compressed form of it.
        headers: { 'accept-encoding': 'identity', 'user-agent': 'cider', ...headers, ...authorization },
        redirect: 'manual',
        signal: timer.signal,
      }).catch((error: unknown) => {
        throw connectionFailure(subject, url, timer, signal, error);
      });
      const { status, body } = response;
      if (redirects.includes(status)) {
        await body?.cancel();
        url = nextAddress(subject, url, response.headers.get('location'));
        continue;
      }
      if (!response.ok && status !== accept) {
        await body?.cancel();
        throw statusFailure(subject, url.host, response, settings);
      }
      if (response.headers.get('content-type')?.startsWith('text/html') === true) {
        await body?.cancel();
        throw hubFailure(
          subject,
          'E_HUB_HTML',
          `${url.host} answered with a web page in place of data`,
          'a network may want you to log in first; else check HF_ENDPOINT',
        );
      }
      const cut = (error: unknown): unknown => connectionFailure(subject, url, timer, signal, error);
      return await use({ status, headers: response.headers, chunks: () => readChunks(body, timer, cut) });
    }
    throw hubFailure(subject, 'E_HUB_REDIRECT', `more than ${MAX_REDIRECTS} redirects`);
  } finally {
    timer.dispose();
  }
}

async function* readChunks(
  body: ReadableStream<Uint8Array> | null,
  timer: SilenceTimer,
  cut: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      timer.restart();
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw cut(error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function nextAddress(subject: Subject, from: URL, location: string | null): URL {
  const refuse = (reason: string): never => {
    throw hubFailure(subject, 'E_HUB_REDIRECT', `${from.host} redirects ${reason}`, 'check HF_ENDPOINT');
  };
  if (location === null || !URL.canParse(location, from.href)) return refuse('to nowhere');
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && to.protocol !== 'http:') return refuse(`to a "${to.protocol}" address`);
  if (from.protocol === 'https:' && to.protocol === 'http:') return refuse('from https to http');
  return to;
}

/** What became of a request: given up by the user, silent, cut, or never connected. Addresses of files may hold secrets. */
function connectionFailure(
  subject: Subject,
  { host }: URL,
  timer: SilenceTimer,
  outer: AbortSignal,
  error: unknown,
): unknown {
  if (outer.aborted) return outer.reason;
  const hint = 'check the network; HF_HUB_OFFLINE=1 uses what is downloaded already';
  if (timer.hasFired) {
    return new TransientFailure(
      hubFailure(
        subject,
        'E_HUB_TIMEOUT',
        `${host} kept silent for too long`,
        'HF_HUB_DOWNLOAD_TIMEOUT=60 waits longer',
      ),
    );
  }
  const reason = codeOf(error);
  const failure = hubFailure(subject, 'E_HUB_CONNECTION', `the connection to ${host} failed (${reason})`, hint);
  return transientCodes.includes(reason) ? new TransientFailure(failure) : failure;
}

/** fetch throws `TypeError: fetch failed` or `terminated`, with the error of the socket as its cause. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const cause: unknown = error.cause;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return 'code' in error ? String(error.code) : error.message;
}

/** The whole of a body that is meant to be small. */
export async function readBody(subject: Subject, answer: Answer, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.chunks()) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw hubFailure(subject, 'E_HUB_RESPONSE', `the answer is over the limit of ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
