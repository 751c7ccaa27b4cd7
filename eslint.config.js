import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Files go through the interface of quant/file-system.ts, so that a test can make every operation fail. These do not, as
 * what they read and write is no work of anybody's.
 */
const besidesTheInterface = [
  'quant/file-system.ts', // is the interface
  'hub/settings.ts', // reads a token
  'hub/snapshot.ts', // asks whether a folder is there
  'commands/model-argument.ts', // asks whether the model is there; any error is a no
  'commands/doctor.ts', // asks whether a folder can be written to
  'commands/version.ts', // reads the manifest of the package
  'eval/peak-memory.ts', // reads /proc
  'eval/neighbours/check-neighbour.ts', // has a temporary folder for what Python answers
  'commands/cli-docs.ts', // developers' script
  '**/bench/*.ts', // developers' scripts
  'fuzz/**/*.ts', // a developers' tool
];

/** Imports point downwards only: bin, commands, library, eval, hub, quant, kernels. */
const downwardsOnly = (folder, forbidden) => {
  const patterns = forbidden.map((name) => ({ group: [name], message: `${folder}/ must not import ${name}` }));
  const paths = ['node:fs', 'node:fs/promises'].map((name) => ({ name, message: 'use quant/file-system.ts' }));
  const files = [`${folder}/**/*.ts`];
  return [
    { files, ignores: ['**/*.test.ts'], rules: { 'no-restricted-imports': ['error', { patterns }] } },
    {
      files,
      ignores: ['**/*.test.ts', '**/*.test.*.ts', ...besidesTheInterface],
      rules: { 'no-restricted-imports': ['error', { patterns, paths: folder === 'kernels' ? [] : paths }] },
    },
  ];
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'fixtures/real/out/', 'fixtures/train/out/', 'fuzz/findings/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/prefer-for-of': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: [
      'bin/**/*.ts',
      'commands/**/*.ts',
      'library/**/*.ts',
      'eval/**/*.ts',
      'hub/**/*.ts',
      'quant/**/*.ts',
      'kernels/**/*.ts',
    ],
    ignores: ['**/*.test.ts', '**/bench/**'],
    rules: { 'no-console': 'error' },
  },
  ...downwardsOnly('commands', ['**/bin/*']),
  ...downwardsOnly('library', ['**/bin/*', '**/commands/*']),
  ...downwardsOnly('eval', ['**/bin/*', '**/commands/*', '**/kernels/native*', '**/kernels/reference/backend*']),
  ...downwardsOnly('hub', ['**/bin/*', '**/commands/*', '**/library/*', '**/eval/*', '**/kernels/*']),
  ...downwardsOnly('quant', [
    '**/bin/*',
    '**/commands/*',
    '**/eval/*',
    '**/hub/*',
    '**/kernels/native*',
    '**/kernels/backend*',
  ]),
  ...downwardsOnly('kernels', ['**/bin/*', '**/commands/*', '**/eval/*', '**/hub/*', '**/quant/*']),
  ...downwardsOnly('fuzz', ['**/bin/*', '**/commands/*', '**/library/*', '**/kernels/native*']),
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' } },
  },
);
