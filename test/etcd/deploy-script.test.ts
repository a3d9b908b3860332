import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAIN, Program, until } from '../support/cli-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { temporaryDirectory } from '../support/tape.ts';

/**
 * A deploy script as one writes it for files: it knows nothing of etcd. `$1`: who deploys. Two detectors notice an overlap: a
 * directory that only one can make, and a number that is read, waited for, and written back.
 */
const SCRIPT = `
set -eu
lockstep run deploy -w 2m -- sh -euc '
  mkdir inside
  count=$(cat count)
  echo "$LOCKSTEP_TOKEN $1" >> tokens
  sleep 0.02
  echo $((count + 1)) > count
  rmdir inside
' deploy "$1"
`;

const ROUNDS = 6;
const DEPLOYERS = 4;
const A_LONG_TIME = 240_000;

describe.skipIf(!HAS_ETCD)('a deploy script that was written for files', () => {
  let cluster: EtcdCluster;

  beforeAll(async () => {
    cluster = await EtcdCluster.start(3);
  }, 120_000);

  afterAll(async () => cluster.stop());

  test('runs unchanged on three members, one of which is killed meanwhile: nobody overlaps, and every deployment is done once', {
    timeout: A_LONG_TIME,
  }, async () => {
    const { directory, env } = workplace(cluster);
    const deployers = Array.from({ length: DEPLOYERS }, (_, at) => deployer(`d${at}`, directory, env));
    const counted = () => Number(fs.readFileSync(path.join(directory, 'count'), 'utf8') || '0');
    await until('some have deployed', () => counted() >= 3);
    const leader = cluster.members.find((member) => isLeader(member)) ?? cluster.members[0];
    await leader?.kill();
    const ends = await Promise.all(deployers.map(({ ended }) => ended));
    expect(ends.map(({ status, stderr }) => [status, stderr])).toEqual(Array(DEPLOYERS).fill([0, '']));
    expect(counted()).toBe(ROUNDS * DEPLOYERS);
    const lines = fs.readFileSync(path.join(directory, 'tokens'), 'utf8').trim().split('\n');
    const tokens = lines.map((line) => Number(line.split(' ')[0]));
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    for (let at = 0; at < DEPLOYERS; at++)
      expect(lines.filter((line) => line.endsWith(` d${at}`))).toHaveLength(ROUNDS);
  });

  test('the same script, without the variable, uses files', { timeout: A_LONG_TIME }, async () => {
    const { directory, env } = workplace(cluster);
    const onFiles = { ...env, LOCKSTEP_STORE: undefined, LOCKSTEP_DIR: path.join(directory, 'store') };
    const deployers = Array.from({ length: 2 }, (_, at) => deployer(`d${at}`, directory, onFiles));
    for (const { ended } of deployers) expect(await ended).toMatchObject({ status: 0, stderr: '' });
    expect(fs.readFileSync(path.join(directory, 'count'), 'utf8')).toBe(`${2 * ROUNDS}\n`);
    expect(fs.existsSync(path.join(directory, 'store/resources/deploy'))).toBe(true);
  });
});

type Env = Record<string, string | undefined>;

function workplace({ members }: EtcdCluster): { directory: string; env: Env } {
  const directory = temporaryDirectory();
  const bin = path.join(directory, 'bin');
  fs.mkdirSync(bin);
  fs.symlinkSync(MAIN, path.join(bin, 'lockstep'));
  fs.writeFileSync(path.join(directory, 'count'), '0\n');
  const hosts = members.map(({ endpoint }) => endpoint).join(',');
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    LOCKSTEP_STORE: `etcd://${hosts}/${path.basename(directory)}?ttl=10s`,
  };
  return { directory, env };
}

/** Deploys again and again; ends with the first deployment that fails. */
function deployer(name: string, directory: string, env: Env): Program {
  const rounds = `for round in $(seq ${ROUNDS}); do sh -c "$SCRIPT" deploy.sh "$1" || exit; done`;
  const child = spawn('sh', ['-c', rounds, 'rounds', name], {
    cwd: directory,
    env: { ...env, SCRIPT },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Program(child);
}

/** Asks the member itself. */
function isLeader(member: EtcdCluster['members'][number]): boolean {
  const [{ Status }] = JSON.parse(member.control('endpoint', 'status', '-w', 'json'));
  return Status.leader === Status.header.member_id;
}
