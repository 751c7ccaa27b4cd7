import os from 'node:os';
import type { Hub } from '../hub/hub.ts';
import { readHubSettings } from '../hub/settings.ts';
import { lockOwner } from './lock-owner.ts';
import type { CommandContext } from './run-command.ts';

/** The Hub by the variables of the environment, with its transfers shown as progress. */
export function hubAccess({ output, signal }: CommandContext): Hub {
  return {
    settings: readHubSettings(process.env, os.homedir()),
    owner: lockOwner(),
    signal,
    onTransfer: (total) => output.progress({ label: 'download', total, unit: 'bytes' }),
    onNote: (text) => {
      output.note(text);
    },
  };
}
