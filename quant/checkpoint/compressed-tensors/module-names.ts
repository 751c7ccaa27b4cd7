import { BudgetExceededError, type StepBudget } from './position-sets.ts';
import { PatternError, PythonPattern } from './python-pattern.ts';

/** A layer of the model, as configurations name it. */
export interface Module {
  /** `model.layers.0.mlp.up_proj`. */
  path: string;
  /** Its class in PyTorch and the classes that this derives from. */
  classes: readonly string[];
}

/** How a name is meant: the path of a module, `re:` and a pattern, or a class. Declared in order of precedence. */
const kinds = ['path', 'pattern', 'class'] as const;

export interface Match {
  name: string;
  kind: (typeof kinds)[number];
}

/** Why names cannot be matched. */
export class ModuleNameError extends Error {}

/**
 * `targets` or `ignore` of a compressed-tensors configuration.
 *
 * @throws ModuleNameError for a pattern that is not read
 */
export class ModuleNames {
  readonly #names: ReadonlySet<string>;
  readonly #patterns: readonly { name: string; pattern: PythonPattern }[];
  readonly #budget: StepBudget;

  /** @param budget of all matches together */
  constructor(names: readonly string[], budget: StepBudget) {
    this.#names = new Set(names);
    this.#patterns = [...this.#names]
      .filter((name) => name.startsWith('re:'))
      .map((name) => ({ name, pattern: compile(name) }));
    this.#budget = budget;
  }

  /** Names that mean the module, of the most specific kind: a path counts before a pattern, a pattern before a class. */
  matches({ path, classes }: Module): readonly Match[] {
    if (this.#names.has(path)) return [{ name: path, kind: 'path' }];
    const patterns = this.#patterns.filter(({ name, pattern }) => this.#isMatch(name, pattern, path));
    if (patterns.length > 0) return patterns.map(({ name }) => ({ name, kind: 'pattern' }));
    return classes.filter((name) => this.#names.has(name)).map((name) => ({ name, kind: 'class' }));
  }

  #isMatch(name: string, pattern: PythonPattern, path: string): boolean {
    try {
      return pattern.matchesStartOf(path, this.#budget);
    } catch (error) {
      if (!(error instanceof BudgetExceededError)) throw error;
      throw new ModuleNameError(`matching ${JSON.stringify(name)} takes too long`);
    }
  }
}

export const isMoreSpecific = (a: Match, b: Match): boolean => kinds.indexOf(a.kind) < kinds.indexOf(b.kind);

function compile(name: string): PythonPattern {
  try {
    return new PythonPattern(name.slice('re:'.length));
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new ModuleNameError(`the pattern ${JSON.stringify(name.slice(0, 120))} is not supported: ${error.message}`);
  }
}
