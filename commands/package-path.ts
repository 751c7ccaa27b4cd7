import { fileURLToPath } from 'node:url';

/** Path of a file that ships with the package; compiled code lies two folders below the package's root. */
export function packagePath(relative: string): string {
  return fileURLToPath(new URL(`../../${relative}`, import.meta.url));
}
