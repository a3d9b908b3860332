import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Authority, type Certificate } from '../../support/certificates.ts';
import { type Result, Rig } from '../../support/cli-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../../support/etcd.ts';

/** The verbs that ask the servers in different ways: with an entry in line, by reading, each member by itself. */
const VERBS = [['run', 'deploy', '--', 'true'], ['status'], ['doctor']] as const;
const SECRETS = /(alice|root|wrong|url)-secret/;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

interface Said extends Result {
  /** Its output and its errors. */
  all: string;
}

async function said(
  words: readonly (string | undefined)[],
  store: string,
  env: Record<string, string> = {},
): Promise<Said> {
  const [verb = '', ...rest] = words.filter((word) => word !== undefined);
  const result = await rig.lockstep([verb, '--store', store, ...rest], { env, input: '' }).ended;
  const all = result.stdout + result.stderr;
  // Whatever goes wrong: no secret is in what is printed.
  expect(all).not.toMatch(SECRETS);
  return { ...result, all };
}

describe.skipIf(!HAS_ETCD)('the command line, with users of etcd', { timeout: 90_000 }, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.startWithUsers();
  }, 120_000);
  afterAll(() => cluster?.stop());

  const endpoint = () => cluster.members[0]?.endpoint;
  const url = (user = 'alice@', prefix = 'alice') => `etcd://${user}${endpoint()}/${prefix}`;
  const password = { LOCKSTEP_ETCD_PASSWORD: 'alice-secret' };

  test.each(VERBS)('%s works with a password of the environment, and with one of a file', async (...words) => {
    expect(await said(words, url(), password)).toMatchObject({ status: 0 });
    const file = rig.write('password', 'alice-secret\n', 0o600);
    expect(await said(words, `${url()}?password-file=${file}`)).toMatchObject({ status: 0 });
  });

  test.each(VERBS)(
    '%s says where and why a wrong password is denied, and where to put the right one',
    async (...words) => {
      const { status, all } = await said(words, url(), { LOCKSTEP_ETCD_PASSWORD: 'wrong-secret' });
      expect(status).toBe(words[0] === 'doctor' ? 1 : 74);
      expect(all).toContain(endpoint());
      expect(all).toContain('authentication failed, invalid user ID or password');
      expect(all).toContain('Check the user in the URL, and the password ($LOCKSTEP_ETCD_PASSWORD or its file).');
    },
  );

  test.each(VERBS)('%s says what an unknown user, and none, may not do', async (...words) => {
    for (const [user, env] of [
      ['mallory@', password],
      ['', {}],
    ] as const) {
      const { status, all } = await said(words, url(user), env);
      expect(status).toBe(words[0] === 'doctor' ? 1 : 74);
      expect(all).toContain(endpoint());
      expect(all).toContain('Check the user in the URL, and the password');
    }
  });

  test.each(VERBS)('%s names the permission that a role has not', async (...words) => {
    const { status, all } = await said(words, url('alice@', 'bob'), password);
    expect(status).toBe(words[0] === 'doctor' ? 1 : 74);
    expect(all).toContain('permission denied');
    expect(all).toContain("Grant the user's role these keys (etcdctl role grant-permission).");
  });

  test.each(VERBS)(
    '%s refuses a user without a password, and a password in the URL, before it asks anybody',
    async (...words) => {
      const without = await said(words, url());
      expect(without).toMatchObject({
        status: 64,
        stderr: expect.stringContaining("etcd's user 'alice' has no password: put it into $LOCKSTEP_ETCD_PASSWORD"),
      });
      const open = await said(words, `etcd://alice:url-secret@${endpoint()}/alice`);
      expect(open).toMatchObject({
        status: 64,
        stderr: expect.stringContaining('which everybody can read in the list of processes'),
      });
    },
  );

  test('no process has the password among its arguments, and doctor shows the user alone', async () => {
    const script = `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c 'alice-se[c]ret'`;
    const { stdout } = await said(['run', 'deploy', '--', 'sh', '-c', script], url(), password);
    expect(stdout).toBe('0\n');
    const { stdout: shown } = await said(['doctor'], url(), password);
    expect(shown).toContain('the user is alice');
  });
});

describe.skipIf(!HAS_ETCD)('the command line, with TLS', { timeout: 90_000 }, () => {
  let directory: string;
  let secure: EtcdCluster;
  let plain: EtcdCluster;
  let authority: Authority;
  let own: Certificate;
  beforeAll(async () => {
    directory = fs.mkdtempSync(`${fs.realpathSync('/tmp')}/lockstep-tls-`);
    authority = new Authority(directory);
    const server = authority.issue('server', 'IP:127.0.0.1,DNS:etcd.example');
    own = authority.issue('client', 'DNS:client');
    secure = await EtcdCluster.start(1, { tls: { ca: authority.ca, ...server }, args: ['--client-cert-auth'] });
    plain = await EtcdCluster.start(1);
  }, 120_000);
  afterAll(async () => {
    await secure?.stop();
    await plain?.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  const url = (query: string, scheme = 'etcds', { members } = secure) =>
    `${scheme}://${members[0]?.endpoint}/t?${query}`;
  const files = () => `ca=${authority.ca}&cert=${own.cert}&key=${own.key}`;

  test.each(VERBS)('%s works with an authority and a certificate', async (...words) => {
    expect(await said(words, url(files()))).toMatchObject({ status: 0 });
  });

  const WRONG: ReadonlyArray<[what: string, store: () => string, why: string]> = [
    [
      'an authority that did not sign the server',
      () => url(''),
      'its certificate is not trusted: unable to verify the first certificate; the URL names its authority with ca=FILE',
    ],
    [
      'a server-name that the certificate is not for',
      () => url(`${files()}&server-name=other.example`),
      'IP Address:127.0.0.1, DNS:etcd.example; the URL names the host of the certificate with server-name=HOST',
    ],
    [
      'no certificate of its own',
      () => url(`ca=${authority.ca}`),
      'alert bad certificate): the URL names one with cert=FILE and key=FILE',
    ],
    [
      'a plain server behind etcds://',
      () => url(files(), 'etcds', plain),
      'if that is so, the URL must begin with etcd://',
    ],
    ['a server with TLS behind etcd://', () => url('', 'etcd'), 'if it speaks TLS, the URL must begin with etcds://'],
  ];
  test('each verb says where, why, and what to do, whatever is wrong', async () => {
    const asked = WRONG.flatMap(([what, store, why]) => VERBS.map((words) => ({ what, store: store(), why, words })));
    // All at once: each of them tries until its time is over.
    const answers = await Promise.all(asked.map(async (one) => ({ ...one, ...(await said(one.words, one.store)) })));
    for (const { what, store, why, words, status, all } of answers) {
      expect(status, what).toBe(words[0] === 'doctor' ? 1 : 74);
      expect(all, what).toContain(`${new URL(store).host}: `);
      expect(all, what).toContain(why);
    }
  });
});
