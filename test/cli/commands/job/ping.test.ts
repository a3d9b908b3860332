import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../support/cli-rig.ts';
import { JobRig } from '../../../support/job-rig.ts';

/** Longer than a job may be kept by its monitor, and by a slow machine. */
const BOUND_MS = 18_000;

interface Ping {
  method: string;
  path: string;
  query: URLSearchParams;
  type: string;
  body: string;
}

/** A monitoring service that treats a ping as the test says. */
class Monitor {
  readonly pings: Ping[] = [];
  answer: (response: http.ServerResponse, ping: Ping) => void = (response) => response.end('OK');
  readonly #server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://monitor');
      const type = request.headers['content-type'] ?? '';
      const body = Buffer.concat(chunks).toString();
      const ping = { method: request.method ?? '', path: pathname, query: searchParams, type, body };
      this.pings.push(ping);
      this.answer(response, ping);
    });
  });

  /** Answers everything with a redirect: `location` says where to, given what was asked for. */
  redirect(status: number, location: (ping: Ping) => string | null): void {
    this.answer = (response, ping) => {
      const to = location(ping);
      if (to === null) response.end('OK');
      else response.writeHead(status, { location: to }).end();
    };
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get paths(): string[] {
    return this.pings.map(({ path }) => path);
  }
}

let rig: JobRig;
let monitor: Monitor;
let url: string;
beforeEach(async () => {
  rig = new JobRig();
  monitor = new Monitor();
  url = await monitor.listen();
});
afterEach(async () => {
  await monitor.close();
  await rig.end();
});

const SILENCE = { status: 0, stdout: '', stderr: '' };

describe('--ping', () => {
  test('reports the start and the success, as one run, with the last lines', async () => {
    expect(await rig.job('n', '--ping', `${url}/uuid?a=b`, '-c', 'echo "well done: é"')).toEqual(SILENCE);
    expect(monitor.paths).toEqual(['/uuid/start', '/uuid']);
    const [start, success] = monitor.pings;
    expect(start).toMatchObject({ method: 'POST', body: '' });
    expect(success).toMatchObject({ method: 'POST', type: 'text/plain; charset=utf-8', body: 'well done: é\n' });
    expect(start?.query.get('rid')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(success?.query.get('rid')).toBe(start?.query.get('rid'));
    expect(success?.query.get('a')).toBe('b');
  });

  test('reports the end after the start, though the service is slow to answer', async () => {
    const order: string[] = [];
    monitor.answer = (response, { path }) => {
      order.push(path);
      setTimeout(() => response.end(() => order.push(`${path} answered`)), path === '/u/start' ? 300 : 0);
    };
    expect(await rig.job('n', '--ping', `${url}/u`, '--', 'true')).toEqual(SILENCE);
    expect(order.slice(0, 3)).toEqual(['/u/start', '/u/start answered', '/u']);
  });

  test('reports a failure with its exit code', async () => {
    await rig.job('n', '--ping', `${url}/uuid/`, '-c', 'echo broken; exit 7');
    expect(monitor.paths).toEqual(['/uuid/start', '/uuid/7']);
    expect(monitor.pings[1]?.body).toBe('broken\n');
  });

  test.each([
    ['a timeout', ['-t', '300ms', '-c', 'sleep 60'], ['/u/start', '/u/124']],
    ['a command that is not there, and so does not begin', ['--', 'no-such-command'], ['/u/127']],
    ['the last of several attempts', ['--retries', '2', '--backoff', '0', '--', 'false'], ['/u/start', '/u/1']],
  ])('reports %s, once', async (_, args, paths) => {
    await rig.job('n', '--ping', `${url}/u`, ...args);
    expect(monitor.paths).toEqual(paths);
  });

  test('reports that a run was cancelled', async () => {
    const program = rig.lockstep(['job', 'n', '-v', '--ping', `${url}/u`, '-c', 'echo in; sleep 60']);
    await program.says('in\n');
    await until('its start was told', () => monitor.paths.length === 1);
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(143);
    // The signal that ended the run does not prevent the report.
    expect(monitor.paths).toEqual(['/u/start', '/u/143']);
  });

  test('sends nothing for a run that is skipped or not due; reports one that gave up, and why', async () => {
    await rig.job('n', '--', 'true');
    await rig.job('n', '--every', '1h', '--ping', url, '--', 'true');
    await rig.hold('n');
    await rig.job('n', '--ping', url, '--', 'true');
    expect(monitor.pings).toEqual([]);
    await rig.job('n', '--overlap', 'wait', '-w', '10ms', '--ping', `${url}/u`, '--', 'true');
    expect(monitor.paths).toEqual(['/u/fail']);
    expect(monitor.pings[0]?.body).toMatch(/^gave up: not acquired within 10ms: held by pid/);
  });

  test('reports the end when the lock is already free', async () => {
    const seen: number[] = [];
    monitor.answer = async (response, { path }) => {
      if (path === '/u') seen.push((await rig.entries('n')).length);
      response.end();
    };
    await rig.job('n', '--ping', `${url}/u`, '--', 'true');
    expect(seen).toEqual([0]);
  });
});

describe('a monitor that does not work', () => {
  test('hangs: the command begins at once, and the job ends within its bound, with its own status', async () => {
    monitor.answer = () => undefined;
    const gate = rig.gate('gate');
    const program = rig.lockstep([
      'job',
      'n',
      '-v',
      '--ping',
      `${url}/u`,
      '-c',
      'echo in; read -r _ < gate; echo out; exit 3',
    ]);
    await program.says('in\n');
    await until('its start was told', () => monitor.paths.length === 1);
    gate.open();
    await program.says('failed with exit code 3', 'stderr');
    // A waiter for the lock does not wait for the monitor.
    expect(await rig.entries('n')).toEqual([]);
    const deadline = setTimeout(() => program.kill('SIGKILL'), BOUND_MS);
    const { status, stderr } = await program.ended;
    clearTimeout(deadline);
    expect(status).toBe(3);
    expect(stderr).toMatch(/n: the monitor did not answer in time/);
    expect(monitor.paths.slice(0, 2)).toEqual(['/u/start', '/u/3']);
  });

  test('answers with errors: it is tried once more, and then given up, in silence', async () => {
    monitor.answer = (response) => response.writeHead(500).end('no');
    expect(await rig.job('n', '--ping', `${url}/u`, '--', 'true')).toEqual(SILENCE);
    expect(monitor.paths).toEqual(['/u/start', '/u', '/u']);
    expect((await rig.job('n', '-v', '--ping', `${url}/u`, '--', 'true')).stderr).toMatch(
      /n: the monitor answered 500/,
    );
  });

  test('is not there: that is reported only with --verbose', async () => {
    await monitor.close();
    expect(await rig.job('n', '--ping', `${url}/u`, '--', 'true')).toEqual(SILENCE);
    const { status, stderr } = await rig.job('n', '-v', '--ping', `${url}/u`, '--', 'true');
    expect(status).toBe(0);
    expect(stderr).toMatch(/n: the monitor cannot be reached: .*ECONNREFUSED/);
    await monitor.listen();
  });

  test('never ends its answer: that is not waited for', async () => {
    monitor.answer = (response) => response.write('x');
    expect(await rig.job('n', '--ping', `${url}/u`, '--', 'true')).toEqual(SILENCE);
    expect(monitor.paths).toEqual(['/u/start', '/u']);
  });

  test('does not delay a run that a signal ends', async () => {
    monitor.answer = () => undefined;
    const program = rig.lockstep(['job', 'n', '-v', '--ping', `${url}/u`, '--', 'sh', '-c', 'exit 4']);
    await until('its end was told', () => monitor.paths.includes('/u/4'));
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(4);
    expect(monitor.paths).toEqual(['/u/start', '/u/4']);
  });
});

describe('a monitor that redirects', () => {
  const STATUSES = [301, 302, 303, 307, 308];
  let other: Monitor;
  let elsewhere: string;
  beforeEach(async () => {
    other = new Monitor();
    elsewhere = await other.listen();
  });
  afterEach(() => other.close());

  const job = (ping: string) => rig.job('n', '-v', '--ping', ping, '-c', 'echo secret');

  test.each(STATUSES)('to another origin (%s) gets nothing sent there, and that is said', async (status) => {
    monitor.redirect(status, ({ path }) => `${elsewhere}${path}?user=me`);
    const { status: code, stderr } = await job(`${url}/u`);
    expect(code).toBe(0);
    expect(other.pings).toEqual([]);
    expect(monitor.paths).toEqual(['/u/start', '/u', '/u']);
    expect(stderr).toContain(`n: the monitor redirects to ${elsewhere}/u; not followed\n`);
    expect(stderr).not.toContain('user=me');
  });

  test.each([
    ['another name of the same machine', (to: string) => to.replace('127.0.0.1', 'localhost')],
    ['another scheme', (to: string) => to.replace('http:', 'https:')],
    ['no web address', () => 'file:///etc/passwd'],
    ['one without a scheme', (to: string) => to.replace('http:', '')],
  ])('to %s is not followed either', async (_, change) => {
    monitor.redirect(307, ({ path }) => change(`${elsewhere}${path}`));
    const { stderr } = await job(`${url}/u`);
    expect(other.pings).toEqual([]);
    expect(stderr).toMatch(/n: the monitor redirects to \S+; not followed\n/);
  });

  test.each(STATUSES)(
    'within its own origin (%s) is followed, with the body where the answer says so',
    async (status) => {
      monitor.redirect(status, ({ path }) => (path.startsWith('/new/') ? null : `/new${path}`));
      expect((await job(`${url}/u`)).stderr).not.toContain('monitor');
      expect(monitor.paths).toEqual(['/u/start', '/new/u/start', '/u', '/new/u']);
      const last = monitor.pings.at(-1);
      expect(last).toMatchObject(status < 307 ? { method: 'GET', body: '' } : { method: 'POST', body: 'secret\n' });
    },
  );

  test('first within its own origin and then to another one is not followed there', async () => {
    monitor.redirect(308, ({ path }) => (path.startsWith('/new/') ? `${elsewhere}${path}` : `/new${path}`));
    expect((await job(`${url}/u`)).stderr).toContain(`n: the monitor redirects to ${elsewhere}/new/u; not followed\n`);
    expect(other.pings).toEqual([]);
  });

  test('to itself is not followed for ever', async () => {
    monitor.redirect(307, ({ path }) => path);
    expect((await job(`${url}/u`)).stderr).toMatch(/n: the monitor redirects too often, last to \S+; not followed\n/);
    expect(monitor.pings.length).toBeLessThanOrEqual(12);
  });

  test.each([['nowhere'], ['http://[']])('to %s has answered with an error', async (location) => {
    monitor.answer = (response) => response.writeHead(302, location === 'nowhere' ? {} : { location }).end();
    expect((await job(`${url}/u`)).stderr).toContain('n: the monitor answered 302\n');
  });
});
