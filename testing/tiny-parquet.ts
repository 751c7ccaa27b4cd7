/** What a crafted file claims, beside the one row "ab" of a column "text" that it holds. */
export interface ParquetClaims {
  /** Rows by the footer. */
  rows?: number;
  /** Values by the header of the page. */
  values?: number;
  /** Length of the run of definition levels. */
  run?: number;
  /** Size of the page when decompressed. */
  uncompressed?: number;
  codec?: 'none' | 'snappy';
  /** Bytes in place of the footer's structure. */
  footer?: Uint8Array;
}

/** Types of Thrift's compact protocol. */
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

type Field = readonly [id: number, type: number, value: Uint8Array];

const varint = (value: number): Uint8Array => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Uint8Array.of(...bytes, rest);
};
const integer = (value: number): Uint8Array => varint(2 * value);
const binary = (text: string): Uint8Array => Buffer.concat([varint(text.length), Buffer.from(text)]);
const list = (type: number, items: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Uint8Array.of((items.length << 4) | type), ...items]);
const struct = (fields: readonly Field[]): Uint8Array => {
  const parts = fields.map(([id, type, value], i) => {
    const delta = id - (i === 0 ? 0 : fields[i - 1][0]);
    return Buffer.concat([Uint8Array.of((delta << 4) | type), value]);
  });
  return Buffer.concat([...parts, Uint8Array.of(0)]);
};

/**
 * A Parquet file of one row whose numbers may be lies, as no library would write it.
 * https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export function tinyParquet(claims: ParquetClaims = {}): Uint8Array {
  const { rows = 1, values = 1, run = 1, codec = 'none' } = claims;
  const levels = Buffer.concat([varint(2 * run), Uint8Array.of(1)]);
  const data = Buffer.concat([
    Uint8Array.of(levels.byteLength, 0, 0, 0),
    levels,
    Uint8Array.of(2, 0, 0, 0),
    Buffer.from('ab'),
  ]);
  const header = struct([
    [1, I32, integer(0)],
    [2, I32, integer(claims.uncompressed ?? data.byteLength)],
    [3, I32, integer(data.byteLength)],
    [
      5,
      STRUCT,
      struct([
        [1, I32, integer(values)],
        [2, I32, integer(0)],
        [3, I32, integer(3)],
        [4, I32, integer(3)],
      ]),
    ],
  ]);
  const page = Buffer.concat([header, data]);
  const column = struct([
    [1, I32, integer(6)],
    [2, LIST, list(I32, [integer(0)])],
    [3, LIST, list(BINARY, [binary('text')])],
    [4, I32, integer(codec === 'none' ? 0 : 1)],
    [5, I64, integer(values)],
    [6, I64, integer(page.byteLength)],
    [7, I64, integer(page.byteLength)],
    [9, I64, integer(4)],
  ]);
  const schema = [
    struct([
      [4, BINARY, binary('schema')],
      [5, I32, integer(1)],
    ]),
    struct([
      [1, I32, integer(6)],
      [3, I32, integer(1)],
      [4, BINARY, binary('text')],
      [6, I32, integer(0)],
    ]),
  ];
  const chunk = struct([
    [2, I64, integer(4)],
    [3, STRUCT, column],
  ]);
  const group = struct([
    [1, LIST, list(STRUCT, [chunk])],
    [2, I64, integer(page.byteLength)],
    [3, I64, integer(rows)],
  ]);
  const footer =
    claims.footer ??
    struct([
      [1, I32, integer(1)],
      [2, LIST, list(STRUCT, schema)],
      [3, I64, integer(rows)],
      [4, LIST, list(STRUCT, [group])],
    ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.byteLength);
  return Buffer.concat([Buffer.from('PAR1'), page, footer, length, Buffer.from('PAR1')]);
}
