import { readFileSync } from 'node:fs';
import { packagePath } from './package-path.ts';

const manifest = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string };

/** The version of this package, as `cider --version` prints it and as outputs record it. */
export const version: string = manifest.version;
