/**
 * `node metal/emulator/build.mjs --out <folder> [--sanitize address|thread]`: builds <folder>/libmetal-emulator.so, which a
 * host uses as Metal if `CIDER_METAL_RUNTIME` names it. Needs clang: `$CXX`, clang++-19 or clang++.
 */
import { parseArgs } from 'node:util';

import { main } from '../../kernels/build/toolchain.mjs';
import { buildLibrary } from './library.mjs';

await main(async () => {
  const { values } = parseArgs({ options: { out: { type: 'string' }, sanitize: { type: 'string' } } });
  if (!values.out) throw new Error('say where to: --out <folder>');
  console.log(await buildLibrary(values.out, values.sanitize));
});
