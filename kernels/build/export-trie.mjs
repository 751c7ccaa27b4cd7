/**
 * The symbols in an export trie of Mach-O: a node is the payload of its name, then labelled edges to longer names.
 *
 * @param {Buffer} trie
 * @returns {{ name: string, payload: Buffer }[]}
 */
export function readTrie(trie) {
  const found = [];
  const visit = (node, name) => {
    const [payloadBytes, payload] = readUleb(trie, node);
    let at = payload + payloadBytes;
    if (payloadBytes > 0) found.push({ name, payload: trie.subarray(payload, at) });
    for (let edges = trie[at++]; edges > 0; edges--) {
      const end = trie.indexOf(0, at);
      const [child, next] = readUleb(trie, end + 1);
      visit(child, name + trie.toString('latin1', at, end));
      at = next;
    }
  };
  if (trie.length > 0) visit(0, '');
  return found;
}

/**
 * The bytes of an export trie. The dynamic linker follows the first edge that fits, so none begins as another one of its
 * node does.
 *
 * @param {{ name: string, payload: Buffer }[]} exported
 */
export function writeTrie(exported) {
  const nodes = [];
  const grow = (members, depth) => {
    const node = { payload: members.find(({ name }) => name.length === depth)?.payload ?? Buffer.alloc(0), edges: [] };
    nodes.push(node);
    const longer = members.filter(({ name }) => name.length > depth);
    for (const first of new Set(longer.map(({ name }) => name[depth]))) {
      const group = longer.filter(({ name }) => name[depth] === first);
      const end = commonPrefix(group.map(({ name }) => name));
      node.edges.push({ label: group[0].name.slice(depth, end), child: grow(group, end) });
    }
    return node;
  };
  grow(exported, 0);
  // Offsets take more bytes the larger they are, which moves other nodes: until nothing moves any more.
  for (let total = -1, next = 0; total !== next;) {
    total = next;
    next = 0;
    for (const node of nodes) {
      node.offset = next;
      next += encodeNode(node).length;
    }
  }
  return Buffer.concat(nodes.map(encodeNode));
}

function encodeNode({ payload, edges }) {
  return Buffer.concat([
    uleb(payload.length),
    payload,
    Buffer.of(edges.length),
    ...edges.flatMap(({ label, child }) => [Buffer.from(`${label}\0`, 'latin1'), uleb(child.offset ?? 0)]),
  ]);
}

function commonPrefix([first, ...others]) {
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--;
  return length;
}

/** A little-endian base-128 number, and the offset behind it. */
function readUleb(bytes, start) {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

function uleb(value) {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
