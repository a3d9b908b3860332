import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Monitor, type ReporterStatus } from '../../lib/heartbeat/monitor.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { directoryOf } from '../../lib/stores/open-store.ts';
import { type Agent, type AgentProcess, Rig, until } from '../support/process-rig.ts';

const INTERVAL_MS = 20;
const MAX_AGE_MS = 300;

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

function monitor(maxAgeMs: number | undefined = MAX_AGE_MS): Monitor {
  return new Monitor({ host: nodeHost, directory: directoryOf(rig.directory), names: ['host'], maxAgeMs });
}

function lookBy(by: Monitor): ReporterStatus {
  const [watched] = by.look();
  if (!watched) throw new Error('nothing is watched');
  return watched;
}

/** What a monitor says that is started now. */
function fresh(): ReporterStatus {
  return lookBy(monitor());
}

/** Watches until the state is this, and tells the states that were seen. */
async function becomes(state: string, by = monitor()): Promise<ReporterStatus> {
  let seen = lookBy(by);
  await until(`it is ${state}, not ${seen.state}`, () => {
    seen = lookBy(by);
    return seen.state === state;
  });
  return seen;
}

async function report(agent: Agent, interval = INTERVAL_MS): Promise<void> {
  await agent.ask({ do: 'heartbeat', name: 'host', interval });
}

async function reporter(): Promise<AgentProcess> {
  const agent = await rig.start();
  await report(agent);
  return agent;
}

function reportPath(): string {
  return path.join(rig.directory, 'beats', 'host');
}

describe('a reporter', () => {
  test('is alive while it beats, however long ago it began', async () => {
    const agent = await reporter();
    const { since } = fresh();
    const first = fs.statSync(reportPath()).mtimeMs;
    await until('it beats again', () => fs.statSync(reportPath()).mtimeMs > first);
    expect(fresh()).toMatchObject({
      state: 'alive',
      since,
      report: { facts: { pid: agent.pid }, everyMs: INTERVAL_MS },
    });
  });

  test('that is killed (SIGKILL) is gone, since its last beat; a monitor started after that reports it too', async () => {
    const agent = await reporter();
    const by = monitor();
    expect(lookBy(by).state).toBe('alive');
    await agent.kill('SIGKILL');
    const last = fs.statSync(reportPath()).mtimeMs;
    const gone = { state: 'gone', since: last, reason: 'its process is gone' };
    expect(lookBy(by)).toMatchObject(gone);
    expect(fresh()).toMatchObject(gone);
  });

  test('that dies of a signal is gone too, also one that gives a lock back then', async () => {
    const agent = await reporter();
    await agent.acquire({ name: 'deploy' });
    expect(await agent.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(fresh()).toMatchObject({ state: 'gone', reason: 'its process is gone' });
  });

  test('that is stopped (SIGSTOP) is late, and alive again when it goes on', async () => {
    const agent = await reporter();
    const by = monitor();
    process.kill(agent.pid, 'SIGSTOP');
    expect(await becomes('late', by)).toMatchObject({ reason: expect.stringContaining('its process is there') });
    process.kill(agent.pid, 'SIGCONT');
    await becomes('alive', by);
  });

  test('that blocks its event loop is late: it hangs', async () => {
    const agent = await reporter();
    const by = monitor();
    expect(lookBy(by).state).toBe('alive');
    const blocked = agent.ask({ do: 'block', ms: 1_000 });
    await becomes('late', by);
    await blocked;
    await becomes('alive', by);
  });

  test.each([
    ['by itself, for a report keeps no process alive', { do: 'finish' }],
    ['by process.exit(0)', { do: 'exit', code: 0 }],
  ] as const)('that ends %s has ended', async (_, order) => {
    const agent = await reporter();
    void agent.ask(order);
    expect(await agent.end()).toEqual({ code: 0, signal: null });
    expect(fresh()).toMatchObject({ state: 'ended', report: { mark: { code: 0 } } });
  });

  test.each([
    ['an uncaught exception', { do: 'throw' }, 1],
    ['process.exit(3)', { do: 'exit', code: 3 }, 3],
  ] as const)('that ends by %s is gone, with its exit code', async (_, order, code) => {
    const agent = await reporter();
    void agent.ask(order);
    expect(await agent.end()).toEqual({ code, signal: null });
    expect(fresh()).toMatchObject({ state: 'gone', reason: `it failed with exit code ${code}` });
  });

  test('that stops has ended, though its program runs on; a later failure of that does not change it', async () => {
    const agent = await reporter();
    await agent.ask({ do: 'stopHeartbeat', name: 'host' });
    expect(fresh().state).toBe('ended');
    void agent.ask({ do: 'exit', code: 3 });
    await agent.end();
    expect(fresh().state).toBe('ended');
  });

  test('that ends well is never taken for dead in between', async () => {
    for (let round = 0; round < 8; round++) {
      const agent = await reporter();
      const by = monitor(10_000);
      void agent.ask({ do: 'exit', code: 0 });
      for (;;) {
        const { state } = lookBy(by);
        expect(['alive', 'ended']).toContain(state);
        if (agent.ended) break;
        await new Promise(setImmediate);
      }
      expect(lookBy(by).state).toBe('ended');
    }
  });

  test('in a worker thread is gone when its thread is terminated', async () => {
    const { agent, worker } = await rig.startThread();
    await report(agent);
    expect(fresh().state).toBe('alive');
    await worker.terminate();
    expect(fresh()).toMatchObject({ state: 'gone', reason: 'its process is gone' });
  });
});

describe('a newer reporter of the same name', () => {
  test('speaks for it: the older one’s beats and its end do not matter', async () => {
    const older = await reporter();
    const newer = await reporter();
    expect(fresh().report?.facts.pid).toBe(newer.pid);
    await until('the older one has noticed', async () => {
      return JSON.stringify(await older.ask({ do: 'askHeartbeat', name: 'host' })).includes('replaced');
    });
    void older.ask({ do: 'exit', code: 3 });
    await older.end();
    expect(fresh()).toMatchObject({ state: 'alive', report: { facts: { pid: newer.pid } } });
  });

  test('is not marked by an older one that ends before it has noticed', async () => {
    const older = await rig.start();
    await report(older, 60_000);
    const newer = await reporter();
    await older.ask({ do: 'stopHeartbeat', name: 'host' });
    expect(fresh()).toMatchObject({ state: 'alive', report: { facts: { pid: newer.pid } } });
    await newer.kill('SIGKILL');
    expect(fresh()).toMatchObject({ state: 'gone', report: { facts: { pid: newer.pid } } });
  });

  test('that was killed is gone, though an older one goes on', async () => {
    const older = await reporter();
    process.kill(older.pid, 'SIGSTOP');
    const newer = await reporter();
    await newer.kill('SIGKILL');
    process.kill(older.pid, 'SIGCONT');
    await until('the older one has noticed', async () => {
      return JSON.stringify(await older.ask({ do: 'askHeartbeat', name: 'host' })).includes('replaced');
    });
    expect(fresh()).toMatchObject({ state: 'gone', report: { facts: { pid: newer.pid } } });
  });
});

describe('a report that cannot be written', () => {
  test('is made again when the store was deleted', async () => {
    const agent = await reporter();
    const { since } = fresh();
    fs.rmSync(rig.directory, { recursive: true });
    await until('it is back', () => fs.existsSync(reportPath()));
    expect(await becomes('alive')).toMatchObject({ since, report: { facts: { pid: agent.pid } } });
    void agent.ask({ do: 'exit', code: 0 });
    await agent.end();
    expect(fresh().state).toBe('ended');
  });

  test('harms no program, and is tried again', async () => {
    fs.mkdirSync(rig.directory, { mode: 0o700 });
    const taken = path.join(rig.directory, 'beats');
    fs.writeFileSync(taken, 'in the way');
    const agent = await reporter();
    const failing = await agent.ask({ do: 'askHeartbeat', name: 'host' });
    expect(failing).toEqual({ is: 'heartbeat', failure: 'STORE_UNSAFE', over: '' });
    fs.rmSync(taken);
    await until('it reports', () => fs.existsSync(reportPath()));
    expect((await becomes('alive')).report?.facts.pid).toBe(agent.pid);
    expect(await agent.ask({ do: 'askHeartbeat', name: 'host' })).toMatchObject({ failure: '' });
  });

  test('does not take the name from a newer reporter that could write', async () => {
    fs.mkdirSync(rig.directory, { mode: 0o700 });
    const taken = path.join(rig.directory, 'beats');
    fs.writeFileSync(taken, 'in the way');
    const older = await reporter();
    process.kill(older.pid, 'SIGSTOP');
    fs.rmSync(taken);
    const newer = await reporter();
    process.kill(older.pid, 'SIGCONT');
    await until('the older one has given way', async () => {
      return JSON.stringify(await older.ask({ do: 'askHeartbeat', name: 'host' })).includes('replaced');
    });
    expect(fresh().report?.facts.pid).toBe(newer.pid);
  });

  test('leaves no private file for long', async () => {
    await (await reporter()).ask({ do: 'stopHeartbeat', name: 'host' });
    const left = path.join(rig.directory, 'beats', '.next.dead');
    const busy = path.join(rig.directory, 'beats', '.next.busy');
    for (const file of [left, busy]) fs.writeFileSync(file, '{');
    fs.utimesSync(left, 1, 1);
    await reporter();
    expect(fs.readdirSync(path.join(rig.directory, 'beats')).sort()).toEqual(['.next.busy', 'host']);
  });
});
