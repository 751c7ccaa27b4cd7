import { defineConfig } from 'vitest/config';

// The tests run as tsc compiled them: what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    include: ['dist/**/*.test.js'],
    exclude: ['dist/**/*.slow.test.js', 'dist/**/*.metal.test.js'],
    pool: 'forks',
    // Node reads what is tested: as vitest rewrites modules, loops call a function for each name that they import.
    server: { deps: { external: [/\/dist\/(?!.*\.test\.js)/] } },
    // Many tests wait for a process that they started: vitest's own choice leaves a core idle.
    maxWorkers: '100%',
    // A process for each of two hundred files would take a fifth of the time. So a test undoes what it does to its process.
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    testTimeout: 60_000,
  },
});
