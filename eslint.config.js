import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Imports point downwards only: bin, commands, library, eval, hub, quant, kernels. */
const downwardsOnly = (folder, forbidden) => ({
  files: [`${folder}/**/*.ts`],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: forbidden.map((name) => ({ group: [name], message: `${folder}/ must not import ${name}` })) },
    ],
  },
});

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'fixtures/real/out/', 'fixtures/train/out/'] },
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
  downwardsOnly('commands', ['**/bin/*']),
  downwardsOnly('library', ['**/bin/*', '**/commands/*']),
  downwardsOnly('eval', ['**/bin/*', '**/commands/*', '**/kernels/native*', '**/kernels/reference/backend*']),
  downwardsOnly('hub', ['**/bin/*', '**/commands/*', '**/library/*', '**/eval/*', '**/kernels/*']),
  downwardsOnly('quant', [
    '**/bin/*',
    '**/commands/*',
    '**/eval/*',
    '**/hub/*',
    '**/kernels/native*',
    '**/kernels/backend*',
  ]),
  downwardsOnly('kernels', ['**/bin/*', '**/commands/*', '**/eval/*', '**/hub/*', '**/quant/*']),
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' } },
  },
);
