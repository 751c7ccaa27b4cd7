import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['dist/**/*.slow.test.js'],
    pool: 'forks',
    testTimeout: 600_000,
  },
});
