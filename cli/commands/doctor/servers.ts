import prettyMs from 'pretty-ms';
import type { LineView, Store } from '../../../lib/index.ts';
import type { ServerReading, Servers } from '../../../lib/internal.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { deadlockedInAsync } from '../../report/deadlocks.ts';
import { counted } from '../../text/quantities.ts';
import { addLineFindings } from './entries.ts';
import { Findings } from './finding.ts';

/** The oldest etcd that Lockstep is tested with. */
const OLDEST_VERSION = [3, 4] as const;
const SLOW_MS = 500;
/** etcd's own default limit is 2 GB; then it takes no more writes. */
const LARGE_BYTES = 1.5e9;
/** So much of a database that is not in use is worth a defragmentation. */
const LOOSE_BYTES = 1e8;
const LOOPBACK = /^(127\.|localhost[:]|\[::1\])/;

/** Runs all checks of a store on servers, in the order of the report. */
export async function examinedServers(store: Store, servers: Servers, fix: boolean): Promise<Findings[]> {
  const readings = await servers.read();
  const found = [checkServers(readings), checkDatabase(readings), checkAccess(servers, readings)];
  if (readings.every(({ failure }) => failure !== null)) return found;
  return [
    ...found,
    await guarded('entries', store, checkEntries),
    await guarded('keys', store, () => checkKeys(servers, fix)),
  ];
}

function checkServers(readings: readonly ServerReading[]): Findings {
  const found = new Findings('servers');
  const away = readings.filter(({ failure }) => failure !== null);
  for (const { at, failure } of away) {
    const words = { what: `${at} does not answer: ${failure}`, where: at };
    if (away.length === readings.length)
      found.problem({
        ...words,
        why: 'No lock can be acquired, and those that are held end when their leases do.',
        remedy: 'Start the servers, or correct the URL.',
      });
    else
      found.warning({
        ...words,
        why: 'Another server answers; fewer may fail now.',
        remedy: 'Start it again, or take it out of the URL.',
      });
  }
  for (const { at, version, tookMs, hasLeader, isLeader, failure } of readings) {
    if (failure !== null) continue;
    if (!hasLeader)
      found.problem({
        what: `${at} has no leader`,
        where: at,
        why: 'Fewer than half of the members reach each other: nothing can be changed.',
        remedy: 'Check the other members, and the network between them.',
      });
    else if (isOlder(version))
      found.problem({
        what: `${at} is etcd ${version}, and Lockstep needs 3.4 or later`,
        where: at,
        remedy: 'Update it.',
      });
    else if (tookMs > SLOW_MS)
      found.warning({
        what: `${at} took ${prettyMs(tookMs)} to answer`,
        where: at,
        why: 'Each acquisition and release takes at least as long.',
        remedy: 'Check its disk and the network: etcdctl check perf.',
      });
    else
      found.ok(
        `${at} is etcd ${version}${isLeader ? ', the leader' : ''}, and answered within ${prettyMs(Math.ceil(tookMs))}`,
        at,
      );
  }
  return found;
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1]);
}

function checkDatabase(readings: readonly ServerReading[]): Findings {
  const found = new Findings('database');
  for (const { at, failure, alarms, databaseBytes, usedBytes } of readings) {
    if (failure !== null) continue;
    for (const alarm of alarms.filter((text) => !/no leader/.test(text)))
      found.problem({
        what: `${at} reports: ${alarm}`,
        where: at,
        why: 'It takes no writes while an alarm is on: nothing can be acquired or released.',
        remedy: /NOSPACE/.test(alarm)
          ? 'etcdctl compact REVISION; etcdctl defrag; etcdctl alarm disarm. Then run etcd with --auto-compaction-retention.'
          : 'etcdctl alarm list',
      });
    const size = `${(databaseBytes / 1e6).toFixed(1)} MB, of which ${(usedBytes / 1e6).toFixed(1)} MB are in use`;
    if (databaseBytes > LARGE_BYTES)
      found.warning({
        what: `the database of ${at} has ${size}`,
        where: at,
        why: 'At its limit (2 GB by default) it takes no more writes.',
        remedy: 'Run etcd with --auto-compaction-retention=1h, and now and then etcdctl defrag.',
      });
    else if (databaseBytes - usedBytes > LOOSE_BYTES)
      found.note({
        what: `the database of ${at} has ${size}`,
        where: at,
        remedy: 'etcdctl defrag gives the rest back.',
      });
    else found.ok(`the database of ${at} has ${size}`, at);
  }
  return found;
}

function checkAccess({ isEncrypted, user, ttlMs }: Servers, readings: readonly ServerReading[]): Findings {
  const found = new Findings('access');
  if (!isEncrypted && !readings.every(({ at }) => LOOPBACK.test(at)))
    found.warning({
      what: 'the connection is not encrypted',
      why: `Everybody on the network can read and change what is sent${user === null ? '' : ', also the password'}.`,
      remedy: 'Serve etcd by TLS, and write etcds://…?ca=FILE.',
    });
  else found.ok(isEncrypted ? 'the connection is encrypted' : 'the servers are on this machine');
  found.ok(
    user === null ? 'no user is given: everybody who reaches the servers may do the same' : `the user is ${user}`,
  );
  found.ok(`an entry stays for ${prettyMs(ttlMs)} after its machine was last heard of (ttl)`);
  return found;
}

async function checkEntries(store: Store): Promise<Findings> {
  const found = new Findings('entries');
  const read = (names: readonly string[]) => store.snapshots(names);
  const lines = (await read(await store.names())).flatMap((line) => line ?? []) as LineView[];
  addLineFindings(found, lines, await deadlockedInAsync(lines, read));
  const count = lines.reduce((sum, { entries }) => sum + entries.length, 0);
  if (found.isCalm)
    found.ok(`${counted(count, 'entry', 'entries')} in ${counted(lines.length, 'line')}: every line moves`);
  return found;
}

async function checkKeys(servers: Servers, fix: boolean): Promise<Findings> {
  const found = new Findings('keys');
  const { leftovers, endless, base } = await servers.keys();
  if (endless.length > 0)
    found.problem({
      what: `${counted(endless.length, 'entry', 'entries')} that no lease ends`,
      where: endless.join('\n'),
      why: 'Another program put it there: it stays in line for ever.',
      remedy: 'Delete its key: etcdctl del KEY',
    });
  if (leftovers.length > 0 && fix)
    found.note({
      what: `removed ${counted(await servers.sweep(leftovers), 'leftover key')}`,
      where: leftovers.join('\n'),
      fixed: true,
    });
  else if (leftovers.length > 0)
    found.note({
      what: `${counted(leftovers.length, 'leftover key')}`,
      where: leftovers.join('\n'),
      why: 'They do no harm.',
      remedy: 'lockstep doctor --fix removes them.',
    });
  if (base !== null && base > Date.now() * 1_000)
    found.warning({
      what: 'the tickets begin in the future',
      why: 'A clock was wrong when the store was used first. A store with a right clock, to which you move, would have smaller tokens.',
      remedy: 'Nothing, as long as the store stays here.',
    });
  if (found.isCalm) found.ok(base === null ? 'it is made when it is first used' : 'its keys are in order');
  return found;
}

async function guarded(name: string, store: Store, check: (store: Store) => Promise<Findings>): Promise<Findings> {
  try {
    return await check(store);
  } catch (error) {
    const found = new Findings(name);
    found.problem({
      what: messageWithRemedy(error),
      where: store.place,
      why: 'A store that cannot be read cannot be used.',
    });
    return found;
  }
}
