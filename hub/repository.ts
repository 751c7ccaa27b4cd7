/** A model or dataset of the Hub at one revision. */
export interface Repository {
  kind: 'model' | 'dataset';
  /** `organization/name`. */
  id: string;
  /** A branch, a tag, a commit, or a reference such as `refs/pr/1`. */
  revision: string;
}

/** Whether this is the full hash of a commit: what it names never changes. */
export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

const DEFAULT_REVISION = 'main';

/** Limits of the Hub: letters, digits, `-`, `_` and `.`, of which the last may neither start nor end a name. */
const namePattern = /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;

/** Far longer than any branch; a path must hold it. */
const MAX_REVISION_LENGTH = 200;

/** Reads `org/name`, `org/name@revision`, and both after `hf://`; undefined for anything else. */
export function parseModelId(argument: string): Repository | undefined {
  const text = argument.startsWith('hf://') ? argument.slice('hf://'.length) : argument;
  const at = text.indexOf('@');
  const id = at === -1 ? text : text.slice(0, at);
  const revision = at === -1 ? DEFAULT_REVISION : text.slice(at + 1);
  const parts = id.split('/');
  const isId = parts.length === 2 && parts.every((part) => namePattern.test(part)) && !/--|\.\.|\.git$/.test(id);
  return isId && isRevision(revision) ? { kind: 'model', id, revision } : undefined;
}

/** What git allows as a name, as far as it can stand in a path of every system. */
function isRevision(revision: string): boolean {
  return revision.length <= MAX_REVISION_LENGTH && /^[\w./+=-]+$/.test(revision) && isInnerPath(revision);
}

/**
 * Whether a path stays inside the folder that it is relative to, on POSIX and on Windows: no `..`, nothing absolute, no
 * drive, no backslash (CWE-22).
 */
export function isInnerPath(path: string): boolean {
  if (/[\\\p{Cc}]|^[A-Za-z]:/u.test(path)) return false;
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= MAX_NAME_LENGTH);
}

/** What file systems take for one name. */
const MAX_NAME_LENGTH = 255;

/** How messages name it. */
export function describeRepository({ kind, id, revision }: Repository): string {
  const at = revision === DEFAULT_REVISION ? '' : `@${revision}`;
  return `${kind === 'model' ? '' : `${kind} `}${id}${at}`;
}
