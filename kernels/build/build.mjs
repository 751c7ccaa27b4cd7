/** `npm run build:native`: builds libcider for every platform into kernels/prebuilt/. */
import { buildLibraries, prebuilt } from './library.mjs';
import { main } from './toolchain.mjs';

await main(async () => {
  const { libraries } = await buildLibraries(prebuilt);
  for (const { file, bytes, sha256 } of Object.values(libraries)) {
    console.log(`${sha256}  ${file}  ${(bytes / 1024).toFixed(0)} KiB`);
  }
});
