import { attributesIn } from './attributes.mjs';

/**
 * `constant bool x [[function_constant(0)]];` gets a value when a pipeline runs, and what is computed from it, then too.
 *
 * @returns {Map<string, { registration: string }>} by name
 */
export function translateConstants(tokens, statements, diagnostics) {
  const constants = new Map();
  const derived = new Set();
  for (const { start, end, scope, body } of statements) {
    if (scope.kind !== 'namespace' || body || !isConstant(tokens, start, end)) continue;
    const attribute = attributesIn(tokens, start, end).find(({ name }) => name === 'function_constant');
    if (attribute) {
      const open = [...tokens.between(start, end)].find((index) => tokens.isAttribute(index));
      const nameAt = tokens.previous(open);
      const name = tokens.text(nameAt);
      const type = typeOf(tokens, start, nameAt);
      if (tokens.next(tokens.closing(open)) < end) {
        diagnostics.error(tokens.all[nameAt], `the function constant ${name} has an initializer`);
      }
      tokens.replace(start, end, `static emulator::SpecializedConstant<${type}> ${name}`);
      const registration = `static const emulator::ConstantRegistration emulator_constant_${name}("${name}", ${attribute.arguments}, ${name});\n`;
      constants.set(name, { registration });
      continue;
    }
    const equals = [...tokens.between(start, end)].find((index) => tokens.text(index) === '=');
    if (equals === undefined) continue;
    const depends = [...tokens.between(equals, end)].some(
      (index) => constants.has(tokens.text(index)) || derived.has(tokens.text(index)),
    );
    if (!depends) continue;
    const nameAt = tokens.previous(equals);
    const type = typeOf(tokens, start, nameAt);
    derived.add(tokens.text(nameAt));
    tokens.replace(start, nameAt, `static const emulator::DerivedConstant<${type}> `);
    tokens.replace(equals, equals + 1, `{[]() -> ${type} { return `);
    tokens.replace(end, end, '; }}');
  }
  return constants;
}

function isConstant(tokens, start, end) {
  for (const index of tokens.between(start, end)) {
    if (tokens.text(index) === 'constant') return true;
    if (['=', '(', '<', '{'].includes(tokens.text(index))) return false;
  }
  return false;
}

function typeOf(tokens, from, to) {
  const words = [...tokens.between(from, to)].map((index) => tokens.text(index));
  return words.filter((word) => !['constant', 'const', 'static', 'inline'].includes(word)).join(' ');
}
