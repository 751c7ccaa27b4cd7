import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

// Preloaded into every process and thread of a confined run (confined-cli.ts): no way to the network is left, and each
// attempt is written down, as whoever makes it may say nothing.

const log = process.env['CIDER_TEST_NETWORK_LOG'] ?? '';

const refuse = (what: string) => (): never => {
  fs.appendFileSync(log, `${what}\n`);
  throw new Error(`${what}: there is no network here`);
};

net.Socket.prototype.connect = refuse('connect');
net.Server.prototype.listen = refuse('listen');
dgram.createSocket = refuse('datagram');
for (const functions of [dns, dns.promises] as unknown as Record<string, unknown>[]) {
  for (const name of ['lookup', 'lookupService', 'resolve', 'resolve4', 'resolve6', 'reverse']) {
    functions[name] = refuse('name');
  }
}
// Node's permission model refuses fsync for all files, whatever is allowed of them.
fs.fsyncSync = () => undefined;
syncBuiltinESMExports();
