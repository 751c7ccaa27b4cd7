import { defineConfig } from 'vitest/config';

// Over the emulator of Metal: metal/test.mjs builds it and sets CIDER_METAL_RUNTIME.
export default defineConfig({
  test: {
    include: ['dist/**/*.metal.test.js'],
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
