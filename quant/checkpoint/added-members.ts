import { InputError } from '../errors.ts';
import { CONFIG_LIMITS } from './hf-config.ts';
import { isJsonObject, parseJson } from './strict-json.ts';

/**
 * The text of config.json with members at its end. All the rest stays as it was written, so that 1e-05 and 10000.0 reach
 * loaders that tell integers from floats as they were.
 *
 * @throws InputError `E_CONFIG_QUANTIZED` if it is no object, or has one of the members already
 */
export function withMembers(configText: string, members: Readonly<Record<string, unknown>>): string {
  const document = parseJson(Buffer.from(configText), 'config.json', CONFIG_LIMITS);
  const names = Object.keys(members);
  if (!isJsonObject(document) || names.some((name) => document.has(name))) {
    throw new InputError(`config.json: expected an object without ${names.join(' and ')}`, {
      code: 'E_CONFIG_QUANTIZED',
      details: { file: 'config.json' },
    });
  }
  const before = configText.slice(0, configText.lastIndexOf('}')).trimEnd();
  const added = Object.entries(members).map(([name, value]) => {
    const text = JSON.stringify(value, null, 2).replaceAll('\n', '\n  ');
    return `${JSON.stringify(name)}: ${text}`;
  });
  return `${before}${document.size > 0 ? ',' : ''}\n  ${added.join(',\n  ')}\n}\n`;
}
