import type { Random } from '../random.ts';
import { mutateBytes } from './bytes.ts';
import type { Mutator } from './mutator.ts';
import { edgeInteger, nearInteger } from './numbers.ts';
import { copyOf, readStruct, writeValue, type Value } from './thrift.ts';

const MAGIC = Buffer.from('PAR1');
const TRAILER_BYTES = 8;

/** A header in Thrift and the bytes that follow it. */
interface Page {
  header: Value;
  data: Uint8Array;
}

interface File {
  pages: Page[];
  footer: Value;
}

/** Field of a page's header: bytes of the page as it stands in the file. */
const COMPRESSED_SIZE = 3;

/**
 * Parquet: the headers of pages and the footer as Thrift, with integers, lists, texts and fields changed; the pages; the
 * length of the footer. Offsets in the footer are not kept up with, which is one more way for them to be wrong.
 */
export const parquetMutator: Mutator = (seeds) => {
  const files = seeds.map(parse);
  const parts = files.flatMap(({ pages, footer }) => [...pages.map(({ header }) => header), footer]).flatMap(within);
  return (seed, random) => {
    const { pages, footer } = copyFile(files[seed]);
    for (let count = random.size(4); count > 0; count--) {
      const page = random.pick(pages.length > 0 ? pages : [undefined]);
      if (page && random.chance(0.25)) page.data = mutateBytes(page.data, random);
      else mutateValue(page && random.chance(0.4) ? page.header : footer, parts, random);
    }
    const bytes = write({ pages, footer }, random);
    return random.chance(0.1) ? mutateBytes(bytes, random) : bytes;
  };
};

function parse(bytes: Uint8Array): File {
  const footerLength = Buffer.from(bytes).readUInt32LE(bytes.length - TRAILER_BYTES);
  const footerStart = bytes.length - TRAILER_BYTES - footerLength;
  const pages: Page[] = [];
  for (let at = MAGIC.length; at < footerStart;) {
    const { value: header, end } = readStruct(bytes, at);
    const size = header.kind === 'struct' && header.fields.find(({ id }) => id === COMPRESSED_SIZE)?.value;
    if (!size || size.kind !== 'integer') break;
    at = end + Number(size.value);
    pages.push({ header, data: bytes.subarray(end, at) });
  }
  return { pages, footer: readStruct(bytes, footerStart).value };
}

const copyFile = ({ pages, footer }: File): File => ({
  pages: pages.map(({ header, data }) => ({ header: copyOf(header), data })),
  footer: copyOf(footer),
});

function write({ pages, footer }: File, random: Random): Uint8Array {
  const body = pages.flatMap(({ header, data }) => [writeValue(header), data]);
  const end = writeValue(footer);
  const length = Buffer.alloc(4);
  const said = random.chance(0.95) ? BigInt(end.length) : nearInteger(BigInt(end.length), random);
  length.writeUInt32LE(Number(BigInt.asUintN(32, said)));
  return Buffer.concat([MAGIC, ...body, end, length, MAGIC]);
}

/** A value and all that it holds. */
function within(value: Value): Value[] {
  if (value.kind === 'list') return [value, ...value.items.flatMap(within)];
  if (value.kind === 'struct') return [value, ...value.fields.flatMap((field) => within(field.value))];
  return [value];
}

function mutateValue(root: Value, parts: readonly Value[], random: Random): void {
  const value = random.pick(within(root));
  switch (value.kind) {
    case 'boolean':
      value.value = !value.value;
      return;
    case 'integer':
      value.value = BigInt.asIntN(64, random.chance(0.6) ? nearInteger(value.value, random) : edgeInteger(random));
      return;
    case 'bytes':
      value.bytes = mutateBytes(value.bytes, random);
      return;
    case 'list':
      mutateList(value, parts, random);
      return;
    case 'struct': {
      const at = random.below(value.fields.length + 1);
      const action = random.below(4);
      if (action < 2) value.fields.splice(at, 1);
      else if (action === 2 && at < value.fields.length) value.fields[at].value = copyOf(random.pick(parts));
      else value.fields.splice(at, 0, { id: random.below(20), value: copyOf(random.pick(parts)) });
    }
  }
}

function mutateList(list: Value & { kind: 'list' }, parts: readonly Value[], random: Random): void {
  switch (random.below(4)) {
    case 0:
      list.items.splice(random.below(list.items.length + 1), 1);
      break;
    case 1:
      for (let times = random.size(20); times > 0 && list.items.length > 0; times--) {
        list.items.push(copyOf(random.pick(list.items)));
      }
      break;
    case 2:
      list.item = random.below(16);
      return;
    default:
      list.length = Number(BigInt.asUintN(40, nearInteger(BigInt(list.length), random)));
      return;
  }
  list.length = list.items.length;
  if (random.chance(0.05)) list.items.push(copyOf(random.pick(parts)));
}
