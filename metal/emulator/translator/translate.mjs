import { translateAddressSpaces } from './address-spaces.mjs';
import { refuseOthers } from './attributes.mjs';
import { translateConstants } from './constants.mjs';
import { Diagnostics } from './diagnostics.mjs';
import { translateDirectives } from './directives.mjs';
import { registrations, translateKernels } from './kernels.mjs';
import { translateLiterals } from './literals.mjs';
import { checkOperandTypes, checkRules } from './rules.mjs';
import { findStatements } from './scopes.mjs';
import { prepareForStrict } from './strict.mjs';
import { translateThreadgroupVariables } from './threadgroup.mjs';
import { Tokens } from './tokens.mjs';

/**
 * A preprocessed Metal source as C++.
 *
 * @returns {{ cpp: string, diagnostics: Diagnostics }}
 */
export function translate(text, { version, strict }) {
  const diagnostics = new Diagnostics();
  const tokens = new Tokens(text);
  const statements = findStatements(tokens);

  checkRules(tokens, statements, { version, diagnostics });
  checkOperandTypes(tokens, diagnostics);

  const constants = translateConstants(tokens, statements, diagnostics);
  const entries = translateKernels(tokens, statements, constants, diagnostics);
  refuseOthers(tokens, diagnostics);
  translateThreadgroupVariables(tokens, statements, diagnostics);
  if (strict) prepareForStrict(tokens, statements);
  translateAddressSpaces(tokens, { strict });
  translateLiterals(tokens, diagnostics);
  const { contract } = translateDirectives(tokens, diagnostics);

  // Vector operators are functions of a header: they follow the source's first word on contraction.
  const head = contract ? [`#pragma clang fp contract(${contract})`] : [];
  head.push('#include "msl/language.h"');
  const tail = strict ? '' : [...constants.values()].map(({ registration }) => registration).join('');
  const cpp = `${head.join('\n')}\n${tokens}\n${tail}${strict ? '' : registrations(entries)}`;
  return { cpp, diagnostics };
}
