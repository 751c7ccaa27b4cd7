import type { LockOwner } from '../quant/output/lock.ts';
import type { HubSettings } from './settings.ts';

/** Shows how far a transfer is. */
export interface TransferProgress {
  update(doneBytes: number, file?: string): void;
  finish(): void;
}

/** The Hub as a caller uses it: settings, and whom to tell what goes on. */
export interface Hub {
  settings: HubSettings;
  /** This process, as locks in the cache record it. */
  owner: LockOwner;
  signal: AbortSignal;
  /** Called when bytes are about to be fetched. */
  onTransfer: (totalBytes: number) => TransferProgress;
  /** A remark for the user: what is asked where, and what is used in its place. */
  onNote: (text: string) => void;
}
