import { defineConfig } from 'vitest/config';

// The tests run as tsc compiled them: what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    include: ['dist/**/*.test.js'],
    exclude: ['dist/**/*.slow.test.js', 'dist/**/*.metal.test.js'],
    pool: 'forks',
    testTimeout: 60_000,
  },
});
