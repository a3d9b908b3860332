import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { effort } from './effort.ts';
import { type EtcdPeer, etcd3Client, gatewayClient, grpcClient, ourClient } from './etcd-peers.ts';
import { interleave } from './interleave.ts';
import { median } from './median.ts';
import { type Row, rowOf, type Section, skipped } from './section.ts';
import { startEtcd } from './server.ts';

const BATCHES = effort(60, 1);
const CYCLES = effort(10, 1);
const IMPORTS = effort(15, 1);

const CLIENT = fileURLToPath(new URL('../lib/etcd/client/etcd-client.js', import.meta.url));

/** The peers' modules. */
const MODULES: ReadonlyArray<readonly [name: string, modules: string]> = [
  ['@grpc/grpc-js', '@grpc/grpc-js'],
  ['@grpc/grpc-js with proto-loader', '@grpc/grpc-js,@grpc/proto-loader'],
  ['etcd3', 'etcd3'],
];

/** The cost of a write to a real etcd, and of the client that does it. */
export async function etcdClient(directory: string): Promise<Section> {
  const title = `one write to etcd of one member, uncontended (${BATCHES} batches of ${CYCLES}); what an import takes beyond a bare Node`;
  const server = await startEtcd(`${directory}/etcd`);
  if (server === null) return skipped('etcd-client', title, 'there is no etcd here (Debian: etcd-server).');
  const peers = [ourClient, grpcClient, etcd3Client, gatewayClient].map((client) => client(server.endpoint));
  const rows: Row[] = [];
  try {
    await peers[0]?.put('begin', '');
    rows.push(...(await measured('put', peers, (peer, key) => peer.put(key, 'value'))));
    const both = (peer: EtcdPeer, key: string) => peer.put(key, 'value').then(() => peer.delete(key));
    rows.push(...(await measured('put + delete', peers, both)));
  } finally {
    for (const peer of peers) peer.close();
    await server.stop();
  }
  rows.push(...(await imports(directory)));
  return { name: 'etcd-client', title, base: 'ours', rows, absent: [], notes: [], targets: [] };
}

async function measured(
  group: string,
  peers: readonly EtcdPeer[],
  act: (peer: EtcdPeer, key: string) => Promise<unknown>,
): Promise<Row[]> {
  const contestants = peers.map((peer, at) => ({
    name: peer.name,
    async batch(cycles: number) {
      for (let cycle = 0; cycle < cycles; cycle++) await act(peer, `bench/${at}`);
    },
  }));
  const times = await interleave(contestants, { batches: BATCHES, cycles: CYCLES });
  const base = times(peers[0]?.name ?? '').batches;
  return peers.map(({ name }) => rowOf(name, times(name).batches, { group, base }));
}

/** The cost of importing each, which is part of every start of a command line. Ours is one file there, and here. */
async function imports(directory: string): Promise<Row[]> {
  const file = `${directory}/etcd-client.mjs`;
  await (await rolldown({ input: CLIENT, platform: 'node' })).write({ file, format: 'esm', minify: true });
  const ours = 'EtcdClient (node:http2)';
  const all = [['nothing', ''], [ours, pathToFileURL(file).href], ...MODULES] as const;
  const contestants = all.map(([name, modules]) => ({
    name,
    batch() {
      const text = modules.split(',').map((module) => (module === '' ? '' : `await import('${module}');`));
      const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text.join('')]);
      if (status !== 0) throw new Error(`${name} cannot be imported: ${stderr}`);
    },
  }));
  const times = await interleave(contestants, { batches: IMPORTS, cycles: 1, warmUp: effort(2, 0) });
  const bare = median(times('nothing').batches);
  const beyond = (name: string) => times(name).batches.map((ms) => ms - bare);
  return all.slice(1).map(([name]) => rowOf(name, beyond(name), { group: 'import', base: beyond(ours) }));
}
