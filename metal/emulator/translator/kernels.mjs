import { attributesIn } from './attributes.mjs';
import { functionHead, qualifier } from './scopes.mjs';

/** Attributes that name a value of the lane; the emulator's name where it is another. */
const BUILTINS = {
  thread_position_in_grid: 'thread_position_in_grid',
  threadgroup_position_in_grid: 'threadgroup_position_in_grid',
  thread_position_in_threadgroup: 'thread_position_in_threadgroup',
  thread_index_in_threadgroup: 'thread_index_in_threadgroup',
  simdgroup_index_in_threadgroup: 'simdgroup_index_in_threadgroup',
  thread_index_in_simdgroup: 'thread_index_in_simdgroup',
  threads_per_threadgroup: 'threads_per_threadgroup',
  dispatch_threads_per_threadgroup: 'threads_per_threadgroup',
  threadgroups_per_grid: 'threadgroups_per_grid',
  threads_per_grid: 'threads_per_grid',
  simdgroups_per_threadgroup: 'simdgroups_per_threadgroup',
  threads_per_simdgroup: 'threads_per_simdgroup',
  thread_execution_width: 'threads_per_simdgroup',
};

/** What else an instantiation may repeat of its template. */
const INSTANTIATION = new Set(['host_name', 'kernel', 'buffer', 'threadgroup', 'function_constant']);

/**
 * Turns kernels into functions, and finds what the runtime has to know of them.
 *
 * @returns {{ hostName: string, call: string, bindings: string[], enabled: string[], maxThreads: string, place }[]}
 */
export function translateKernels(tokens, statements, constants, diagnostics) {
  const kernels = new Map();
  const entries = [];
  for (const { start, end, scope, body } of statements) {
    if (scope.kind !== 'namespace' || (tokens.text(start) === 'template' && tokens.text(tokens.next(start)) !== '<'))
      continue;
    const head = functionHead(tokens, start, end);
    if (!head.isKernel || head.open >= end) continue;
    const kernel = translateKernel(tokens, start, end, head, { scope, constants, diagnostics });
    if (!body) continue;
    kernels.set(head.name, kernel);
    if (!kernel.isTemplate) entries.push({ ...kernel, hostName: kernel.hostName ?? head.name, call: kernel.name });
  }
  for (const { start, end, scope } of statements) {
    if (scope.kind !== 'namespace' || tokens.text(start) !== 'template' || tokens.text(tokens.next(start)) === '<')
      continue;
    const entry = translateInstantiation(tokens, start, end, kernels, diagnostics);
    if (entry) entries.push(entry);
  }
  refuseDoubles(entries, diagnostics);
  return entries;
}

function refuseDoubles(entries, diagnostics) {
  const names = new Set();
  for (const { hostName, place } of entries) {
    if (names.has(hostName)) diagnostics.error(place, `a second kernel named ${hostName}`);
    names.add(hostName);
  }
}

function translateKernel(tokens, start, end, head, { scope, constants, diagnostics }) {
  const place = { ...tokens.all[tokens.previous(head.open)] };
  const parameters = tokens
    .split(head.open + 1, head.close)
    .map(([from, to]) => translateParameter(tokens, from, to, { constants, diagnostics }));
  const isTemplate = tokens.text(start) === 'template';
  const name = qualifier(scope) + head.name;
  let hostName;
  let threads;
  for (const attribute of [
    ...attributesIn(tokens, start, head.open, { remove: true }),
    ...attributesIn(tokens, head.close, end, { remove: true }),
  ]) {
    if (attribute.name === 'host_name') hostName = JSON.parse(attribute.arguments);
    else if (attribute.name === 'max_total_threads_per_threadgroup') threads = attribute.arguments;
    else if (attribute.name !== 'kernel') diagnostics.error(place, `[[${attribute.name}]] of a kernel is not emulated`);
  }
  for (const index of tokens.between(start, head.open)) {
    if (tokens.text(index) === 'kernel') tokens.replace(index, index + 1, '');
  }
  const template = isTemplate ? tokens.source(start, tokens.closingAngle(tokens.next(start)) + 1) : '';
  let maxThreads = '0';
  if (threads !== undefined) {
    const limit = `emulator_max_threads_${head.name}`;
    tokens.replace(tokens.at(start), tokens.at(start), `${template} static constexpr uint32_t ${limit} = ${threads}; `);
    maxThreads = qualifier(scope) + limit;
  }
  if (isTemplate && hostName) diagnostics.error(place, '[[host_name]] of a template belongs to its instantiations');
  return { name, isTemplate, hostName, maxThreads, place, ...merge(parameters) };
}

const merge = (parameters) => ({
  bindings: parameters.map(({ binding }) => binding),
  enabled: parameters.map(({ enabled }) => enabled),
});

function translateParameter(tokens, from, to, { constants, diagnostics }) {
  const place = { ...tokens.all[tokens.at(from)] };
  const text = tokens
    .source(from, to)
    .replace(/\[\[.*$/, '')
    .trim();
  let binding;
  let enabled = 'nullptr';
  for (const attribute of attributesIn(tokens, from, to, { remove: true })) {
    if (attribute.name === 'buffer') binding = `emulator::buffer_parameter, ${attribute.arguments}`;
    else if (attribute.name === 'threadgroup') binding = `emulator::threadgroup_parameter, ${attribute.arguments}`;
    else if (Object.hasOwn(BUILTINS, attribute.name)) {
      binding = `emulator::builtin_parameter, emulator::${BUILTINS[attribute.name]}`;
    } else if (attribute.name === 'function_constant') {
      if (!constants.has(attribute.arguments)) {
        diagnostics.error(place, `${attribute.arguments} is no function constant`);
      }
      enabled = `&${attribute.arguments}.value`;
    } else {
      diagnostics.error(place, `the attribute [[${attribute.name}]] of the parameter ${text} is not emulated`);
    }
  }
  if (!binding) {
    diagnostics.error(place, `the parameter ${text} of a kernel is bound to nothing`);
    binding = 'emulator::builtin_parameter, 0';
  }
  const space = /\b(device|constant|threadgroup|thread)\b[^*&]*[*&]/.exec(text)?.[1];
  const wanted = { buffer: ['device', 'constant'], threadgroup: ['threadgroup'] };
  const kind = /emulator::(\w+)_parameter/.exec(binding)[1];
  if (kind in wanted && !wanted[kind].includes(space)) {
    diagnostics.error(place, `the parameter ${text} of a kernel points to ${wanted[kind].join(' or ')} memory`);
  }
  return { binding: `emulator::Binding<${binding}>`, enabled };
}

/** `template [[host_name("x")]] kernel void f<A>(…);` or `template [[host_name("x")]] [[kernel]] decltype(f<A>) f<A>;` */
function translateInstantiation(tokens, start, end, kernels, diagnostics) {
  let found;
  for (let index = start; index < end; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (tokens.isAttribute(index)) index = tokens.closing(index);
    else if (text === 'decltype') index = tokens.closing(tokens.next(index));
    else if (kernels.get(text)?.isTemplate && tokens.text(tokens.next(index)) === '<') {
      found = index;
      break;
    }
  }
  if (found === undefined) return undefined;
  const kernel = kernels.get(tokens.text(found));
  const open = tokens.next(found);
  const template = tokens.source(open, tokens.closingAngle(open) + 1);
  const place = { ...tokens.all[found] };
  const attributes = attributesIn(tokens, start, end, { remove: true });
  for (const index of tokens.between(start, found)) {
    if (tokens.text(index) === 'kernel') tokens.replace(index, index + 1, '');
  }
  for (const { name } of attributes) {
    if (!INSTANTIATION.has(name) && !Object.hasOwn(BUILTINS, name)) {
      diagnostics.error(place, `[[${name}]] of an instantiation is not emulated`);
    }
  }
  const hostName = attributes.find(({ name }) => name === 'host_name');
  if (!hostName) {
    diagnostics.error(place, `the instantiation of ${kernel.name} has no [[host_name]] by which a host could find it`);
    return undefined;
  }
  const maxThreads = kernel.maxThreads === '0' ? '0' : kernel.maxThreads + template;
  return { ...kernel, hostName: JSON.parse(hostName.arguments), call: kernel.name + template, maxThreads, place };
}

/** What makes the kernels known when the library is loaded. */
export function registrations(entries) {
  return entries
    .map(({ hostName, call, bindings, enabled, maxThreads, place }, index) => {
      const kernel = `emulator::KernelOf<&${[call, ...bindings].join(', ')}>`;
      const parameters = bindings.map((binding, i) => `{${binding}::kind, ${binding}::index, ${enabled[i]}}`);
      parameters.push('{-1, -1, nullptr}');
      const line = `#line ${place.line} ${JSON.stringify(place.file)}\n`;
      return (
        `${line}static const emulator::Parameter emulator_parameters_${index}[] = {${parameters.join(', ')}}; ` +
        `static const emulator::KernelRegistration emulator_kernel_${index}(${JSON.stringify(hostName)}, ` +
        `&${kernel}::run_lane, emulator_parameters_${index}, ${kernel}::parameter_count, ${maxThreads});\n`
      );
    })
    .join('');
}
