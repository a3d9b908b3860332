import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodeRig } from '../../support/code-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../../support/etcd.ts';

describe.skipIf(!HAS_ETCD)('with a store on etcd', () => {
  let cluster: EtcdCluster;
  let rig: CodeRig;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster.stop());

  test.each([
    ['by its option', (url: string) => ({ words: ['run', 'x', '--store', url, '--', 'echo', 'done'], env: {} })],
    ['by the variable', (url: string) => ({ words: ['run', 'x', '--', 'echo', 'done'], env: { LOCKSTEP_STORE: url } })],
  ])('named %s, the code of its client is kept, in a file beside that of calls without servers', async (_, callOn) => {
    rig = new CodeRig();
    try {
      const { words, env } = callOn(`etcd://${cluster.members[0]?.endpoint}/${process.pid}`);
      const files = (isKept: boolean) => ({ 'program.js': isKept, 'etcd.js': isKept });
      const done = { status: 0, stdout: 'done\n', stderr: '' };
      expect(await rig.call(words, { env })).toEqual({ ...done, compiled: files(false) });
      expect(await rig.call(words, { env })).toEqual({ ...done, compiled: files(true) });
      expect(rig.kept).toEqual([expect.stringMatching(/^run-etcd-[0-9a-f]{8}\.code$/)]);
      const onFiles = ['run', 'x', '--', 'true'];
      expect((await rig.call(onFiles)).compiled).toEqual({ 'program.js': false });
      expect(rig.kept).toHaveLength(2);
    } finally {
      await rig.end();
    }
  });
});
