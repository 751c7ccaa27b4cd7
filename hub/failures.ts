import { quoted } from '../quant/checkpoint/quoted.ts';
import { NotFoundError } from '../quant/errors.ts';
import { describeRepository, type Repository } from './repository.ts';
import { TransientFailure } from './retry.ts';
import type { HubSettings } from './settings.ts';

/** What was asked for: a repository, or one of its files. */
export interface Subject {
  repository: Repository;
  file?: string;
}

/** How messages name a subject. Names of files come from the server. */
export function describeSubject({ repository, file }: Subject): string {
  const name = describeRepository(repository);
  return file === undefined ? name : `${name}, ${quoted(file)}`;
}

/** An error of the Hub or of the way to it. */
export function hubFailure(subject: Subject, code: string, reason: string, hint?: string): NotFoundError {
  const { repository, file } = subject;
  return new NotFoundError(`${describeSubject(subject)}: ${reason}`, {
    code,
    hint,
    details: { repository: repository.id, revision: repository.revision, file },
  });
}

/** The error for what only the Hub could give, when it cannot be asked. */
export function offlineFailure(subject: Subject): NotFoundError {
  const hint = 'run once with the network, and without HF_HUB_OFFLINE';
  return hubFailure(subject, 'E_HUB_OFFLINE', 'not downloaded yet, and the Hub cannot be asked', hint);
}

/**
 * The error for a status that is none of success. 408, 429 and 5xx are worth another attempt.
 *
 * @param host who answered
 * @see https://github.com/huggingface/huggingface_hub, `X-Error-Code` in `hf_raise_for_status`
 */
export function statusFailure(
  subject: Subject,
  host: string,
  { status, headers }: Response,
  settings: HubSettings,
): NotFoundError | TransientFailure {
  const { repository, file } = subject;
  const errorCode = headers.get('x-error-code');
  const fail = (code: string, reason: string, hint?: string): NotFoundError => hubFailure(subject, code, reason, hint);
  if (status === 429) {
    const hint = settings.token === undefined ? 'wait some minutes, or set HF_TOKEN' : 'wait some minutes';
    return new TransientFailure(
      fail('E_HUB_RATE_LIMIT', `${host} had too many requests (429)`, hint),
      retryAfter(headers.get('retry-after')),
    );
  }
  if (status === 408 || status >= 500) {
    return new TransientFailure(
      fail('E_HUB_STATUS', `${host} answered with status ${status}`, 'try again later'),
      retryAfter(headers.get('retry-after')),
    );
  }
  if (errorCode === 'GatedRepo') {
    const page = `${settings.endpoint}/${repository.kind === 'dataset' ? 'datasets/' : ''}${repository.id}`;
    return fail(
      'E_HUB_GATED',
      `access is for those who accepted its terms (${status})`,
      `accept them at ${page}, and set HF_TOKEN to a token of that account`,
    );
  }
  if (status === 401) {
    const reason = settings.token === undefined ? 'or it needs a token' : 'or the token does not open it';
    return fail(
      'E_HUB_UNAUTHORIZED',
      `there is no such ${repository.kind} on ${host}, ${reason} (401)`,
      'check the spelling; for a private one, set HF_TOKEN',
    );
  }
  if (status === 403) {
    return fail('E_HUB_FORBIDDEN', `${host} gives no access (403)`, 'check what the token of HF_TOKEN may read');
  }
  if (status === 404) {
    if (file !== undefined) return fail('E_HUB_FILE_NOT_FOUND', `${host} has no such file (404)`);
    const isRevision = errorCode === 'RevisionNotFound';
    return isRevision
      ? fail('E_HUB_REVISION_NOT_FOUND', `${host} has no revision ${quoted(repository.revision)} of it (404)`)
      : fail('E_HUB_NOT_FOUND', `there is no such ${repository.kind} on ${host} (404)`, 'check the spelling');
  }
  return fail('E_HUB_STATUS', `${host} answered with status ${status}`);
}

/** Milliseconds that a Retry-After header asks for, in seconds or as a date; undefined for neither. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return 1000 * Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
