import fs from 'node:fs';
import path from 'node:path';
import { MAIN, type Rig } from '../../support/cli-rig.ts';
import { type EtcdServer, HAS_ETCD } from '../../support/etcd.ts';
import { HOLD, isRunnable, printed, type Tool } from './tool.ts';

const SHELL = ['sh', '-c', HOLD] as const;

export function lockstep(rig: Rig): Tool {
  const words = (options: readonly string[], command: readonly string[] = SHELL) => [
    ...[process.execPath, MAIN, 'run', 'n', ...options],
    ...['--', ...command],
  ];
  const run = '"$NODE" "$MAIN" run n';
  return {
    name: 'Lockstep',
    isThere: true,
    isWrapper: true,
    hold: words([]),
    attempt: words(['-n']),
    again: ['sh', '-c', `${run} -- sh -c '${HOLD}'; ${run} -nq -- true && echo again || echo behind`],
    isWaiting: async () => (await rig.entries('n')).some(({ state }) => state === 'waiting'),
    shared: words(['-s']),
    two: words(['-p', '2']),
    manual: () => printed(process.execPath, MAIN, 'help', 'run'),
    token: words([], ['sh', '-c', 'echo $LOCKSTEP_TOKEN']),
    says: async () => (await rig.run('status', 'n')).stdout,
  };
}

export function flock(rig: Rig): Tool {
  const again = `use Fcntl ":flock"; $| = 1; open(my $file, ">>", "f"); flock($file, LOCK_EX); print "in $$\\n";
    open(my $gate, "<", "gate"); <$gate>;
    flock($file, LOCK_UN); print flock($file, LOCK_EX | LOCK_NB) ? "again\\n" : "behind\\n"`;
  return {
    name: '`flock`',
    isWrapper: true,
    isThere: isRunnable('flock', '--version') && isRunnable('lslocks', '--version'),
    hold: ['flock', 'f', ...SHELL],
    attempt: ['flock', '-n', 'f', ...SHELL],
    again: ['perl', '-e', again],
    // The kernel marks who waits with an arrow.
    isWaiting: ({ pid }) => new RegExp(`-> FLOCK .* ${pid} `).test(fs.readFileSync('/proc/locks', 'utf8')),
    shared: ['flock', '-s', 'f', ...SHELL],
    two: null,
    manual: () => printed('flock', '--help'),
    token: null,
    says: () =>
      printed('lslocks', '--noheadings', '--notruncate', '-o', 'PID,PATH')
        .split('\n')
        .filter((line) => line.endsWith(rig.path('f')))
        .join('\n'),
  };
}

export function sem(rig: Rig): Tool {
  const home = rig.path('parallel');
  fs.mkdirSync(home);
  // Without this file it asks to be cited.
  rig.write('parallel/will-cite', '');
  const start = ['env', `PARALLEL_HOME=${home}`, 'sem', '--id', 'n', '-q', '-u', '--fg'];
  return {
    name: 'GNU `sem`',
    isWrapper: true,
    isThere: isRunnable('sem', '--version'),
    hold: [...start, ...SHELL],
    attempt: [...start, '--st', '-1', ...SHELL],
    again: null,
    // It sleeps in between its looks, for a call that no other part of it makes.
    isWaiting: ({ pid }) => /^(23|270) /.test(fs.readFileSync(`/proc/${pid}/syscall`, 'utf8')),
    shared: null,
    two: [...start, '-j', '2', ...SHELL],
    manual: () => printed('sem', '--help'),
    token: null,
    says: () => fs.readdirSync(`${home}/semaphores/id-n`).join('\n'),
  };
}

export function etcdctl(rig: Rig, server: EtcdServer | null): Tool {
  // One server serves all trials: each has a name of its own.
  const name = path.basename(rig.directory);
  const call = `etcdctl --endpoints ${server?.endpoint} lock ${name}`;
  const start = ['env', 'ETCDCTL_API=3', ...call.split(' '), '--'];
  return {
    name: '`etcdctl lock`',
    isWrapper: true,
    isThere: HAS_ETCD,
    hold: [...start, ...SHELL],
    attempt: null,
    again: ['sh', '-c', `export ETCDCTL_API=3; ${call} -- sh -c '${HOLD}'; ${call} -- echo again`],
    isWaiting: () => (server?.control('get', '--prefix', '--keys-only', name).match(/\S+/g) ?? []).length > 1,
    shared: null,
    two: null,
    manual: () => printed('env', 'ETCDCTL_API=3', 'etcdctl', 'lock', '--help').split('GLOBAL OPTIONS')[0] ?? '',
    token: [...start, 'sh', '-c', 'echo $ETCD_LOCK_REV'],
    says: () => server?.control('get', '--prefix', '--print-value-only', name).trim() ?? '',
  };
}
