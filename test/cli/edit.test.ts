import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Result, Rig } from './rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** A filter like `jq '.count -= 1'`, for machines that have no jq. */
function jq(change: string): string[] {
  const program = `let text = ''; process.stdin.on('data', (chunk) => { text += chunk; }).on('end', () => {
    const it = JSON.parse(text); ${change}; console.log(JSON.stringify(it)); })`;
  return [process.execPath, '-e', program];
}

const BEFORE = '{\n\t"count": 5,  "name": "日本"\r\n}';

describe('edit', () => {
  test('replaces the file with what the filter makes of it', async () => {
    rig.write('ticket.json', '{"count": 5}\n');
    const result = await rig.run('edit', 'ticket.json', '--', ...jq('it.count -= 1'));
    expect(result).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(rig.read('ticket.json')).toBe('{"count":4}\n');
  });

  test('keeps big numbers, and the layout that the filter keeps', async () => {
    rig.write('big.json', '{ "id": 12345678901234567890,\n  "count": 1.50 }\n');
    const { status } = await rig.run('edit', 'big.json', '--', 'sed', 's/1.50/2.00/');
    expect(status).toBe(0);
    expect(rig.read('big.json')).toBe('{ "id": 12345678901234567890,\n  "count": 2.00 }\n');
  });

  test('hands the filter’s words on as they are', async () => {
    rig.write('a.json', '{}');
    const words = ['--help', '-n', '$HOME', '', '*', '--', 'two words'];
    const print = 'process.stdin.resume(); console.log(JSON.stringify(process.argv.slice(1)))';
    const script = rig.write('words.cjs', print.replace('slice(1)', 'slice(2)'));
    expect((await rig.run('edit', 'a.json', '--', process.execPath, script, ...words)).status).toBe(0);
    expect(JSON.parse(rig.read('a.json'))).toEqual(words);
  });

  test('a dozen concurrent edits lose none', async () => {
    rig.write('count.json', '{"count":0}\n');
    const filter = `IFS=':}' read -r key n _; echo "$key:$((n + 1))}"`;
    const edits = Array.from({ length: 12 }, () => rig.run('edit', 'count.json', '--', 'sh', '-c', filter));
    expect((await Promise.all(edits)).filter(({ status }) => status !== 0)).toEqual([]);
    expect(rig.read('count.json')).toBe('{"count":12}\n');
    expect(fs.readdirSync(rig.directory).sort()).toEqual(['.lockstep', 'count.json']);
  });

  test('keeps the mode', async () => {
    rig.write('a.json', '1', 0o640);
    await rig.run('edit', 'a.json', '--', 'echo', '2');
    expect(rig.read('a.json')).toBe('2\n');
    expect(fs.statSync(rig.path('a.json')).mode & 0o7777).toBe(0o640);
  });

  test('follows a symbolic link, which stays one', async () => {
    fs.mkdirSync(rig.path('real'));
    rig.write('real/a.json', '1');
    fs.symlinkSync('real/a.json', rig.path('link.json'));
    await rig.run('edit', 'link.json', '--', 'echo', '2');
    expect(fs.readlinkSync(rig.path('link.json'))).toBe('real/a.json');
    expect(rig.read('real/a.json')).toBe('2\n');
    expect(rig.exists('real/.lockstep')).toBe(true);
  });

  test('a filter that need not read its input is one too, however large the file', async () => {
    rig.write('a.json', JSON.stringify('x'.repeat(1_000_000)));
    expect((await rig.run('edit', 'a.json', '--', 'echo', 'null')).status).toBe(0);
    expect(rig.read('a.json')).toBe('null\n');
  });
});

describe('the file stays byte for byte as it was', () => {
  async function edited(...words: string[]): Promise<Result> {
    rig.write('a.json', BEFORE);
    const { ino } = fs.statSync(rig.path('a.json'));
    const result = await rig.run('edit', 'a.json', ...words);
    expect(rig.read('a.json')).toBe(BEFORE);
    expect(fs.statSync(rig.path('a.json')).ino).toBe(ino);
    expect(result.stdout).toBe('');
    return result;
  }

  test('if the filter fails, whose status is passed on', async () => {
    const { status, stderr } = await edited('--', 'sh', '-c', 'echo "{}"; echo why >&2; exit 9');
    expect(status).toBe(9);
    expect(stderr).toBe('why\nlockstep: sh failed (exit 9); the file is unchanged\n');
  });

  test('if the filter dies of a signal', async () => {
    const { status, stderr } = await edited('--', 'sh', '-c', 'echo "{}"; kill -KILL $$');
    expect(status).toBe(137);
    expect(stderr).toContain('SIGKILL');
  });

  test('if the filter prints no JSON, or nothing: 65', async () => {
    for (const filter of [['echo', 'no JSON'], ['true'], ['echo', '{} {}']]) {
      const { status, stderr } = await edited('--', ...filter);
      expect(status).toBe(65);
      expect(stderr).toMatch(/a\.json: (echo|true) printed no JSON \(.*\); the file is unchanged\n/);
    }
  });

  test('if the filter is not found: 127; or cannot be run: 126', async () => {
    const missing = await edited('--', 'no-such-filter');
    expect(missing.status).toBe(127);
    expect(missing.stderr).toBe('lockstep: no-such-filter: command not found; the file is unchanged\n');
    expect((await edited('--', rig.write('plain', ''))).status).toBe(126);
  });

  test('if there is no filter: 64', async () => {
    const { status, stderr } = await edited();
    expect(status).toBe(64);
    expect(stderr).toContain('say which filter');
    expect((await edited('--')).status).toBe(64);
  });

  test('if the filter keeps everything', async () => {
    expect(await edited('--', 'cat')).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('if somebody else has its lock, with -n or after -w: 75', async () => {
    rig.write('a.json', BEFORE);
    const holder = rig.lockstep(['run', '--file', 'a.json', '--', 'sh', '-c', 'echo in; read -r _']);
    await holder.says('in');
    const { status, stderr } = await edited('-n', '--', 'echo', '1');
    expect(status).toBe(75);
    expect(stderr).toMatch(/a\.json: not acquired: held by pid \d+/);
    expect((await edited('-w', '20ms', '-E', '7', '--', 'echo', '1')).status).toBe(7);
    expect((await edited('-q', '-n', '--', 'echo', '1')).stderr).toBe('');
  });
});

describe('a file that cannot be edited exits 74, says why, and is left alone', () => {
  test('one that is not there', async () => {
    const { status, stderr } = await rig.run('edit', 'nowhere.json', '--', 'echo', '1');
    expect(status).toBe(74);
    expect(stderr).toMatch(/nowhere\.json: there is no such file/);
    expect(fs.readdirSync(rig.directory)).toEqual([]);
  });

  test.each(['{"count": 5', '', 'not JSON at all', '{"a": 1,}'])('one that is not JSON: %j', async (text) => {
    rig.write('a.json', text);
    const { status, stderr } = await rig.run('edit', 'a.json', '--', 'touch', 'ran');
    expect(status).toBe(74);
    expect(stderr).toMatch(/a\.json: it is not JSON/);
    expect(rig.read('a.json')).toBe(text);
    expect(rig.exists('ran')).toBe(false);
  });

  test('a directory', async () => {
    fs.mkdirSync(rig.path('d'));
    const { status, stderr } = await rig.run('edit', 'd', '--', 'echo', '1');
    expect(status).toBe(74);
    expect(stderr).not.toContain('a bug');
  });
});
