import { NativeLibrary } from '../kernels/native.ts';
import { findLibrary, LibraryMissingError } from '../kernels/prebuilt.ts';

/**
 * The native library for tests: that of `CIDER_LIBRARY` or the published one. None where none is published for this
 * platform; one that is published and damaged fails the tests.
 */
export function nativeLibraryForTests(): NativeLibrary | undefined {
  try {
    return new NativeLibrary(findLibrary(process.env['CIDER_LIBRARY']).path);
  } catch (error) {
    if (error instanceof LibraryMissingError && error.message.startsWith('there is no library for')) return undefined;
    throw error;
  }
}

/** The same for tests that are skipped where there is none. */
export function needNativeLibrary(): NativeLibrary {
  const library = nativeLibraryForTests();
  if (!library) throw new Error('there is no native library for this platform');
  return library;
}
