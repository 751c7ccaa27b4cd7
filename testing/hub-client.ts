import type { Hub } from '../hub/hub.ts';
import type { HubSettings } from '../hub/settings.ts';

export interface TestHub extends Hub {
  /** What `onNote` was told. */
  notes: string[];
  /** Totals of the transfers that were started. */
  transfers: number[];
}

/** A client of the Hub for tests: without delays, and with a record of what it says. */
export function testHub(endpoint: string, cacheFolder: string, settings: Partial<HubSettings> = {}): TestHub {
  const notes: string[] = [];
  const transfers: number[] = [];
  return {
    settings: {
      endpoint,
      cacheFolder,
      token: undefined,
      offline: false,
      timeoutMs: 5000,
      firstDelayMs: 1,
      ...settings,
    },
    owner: { pid: process.pid, host: 'here', isAlive: () => true },
    signal: new AbortController().signal,
    onTransfer: (total) => {
      transfers.push(total);
      return { update: () => undefined, finish: () => undefined };
    },
    onNote: (text) => {
      notes.push(text);
    },
    notes,
    transfers,
  };
}
