import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, type Result, Rig, until } from '../../../support/cli-rig.ts';

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

  test('with -v says when the lock was acquired', async () => {
    rig.write('a.json', '1');
    const { stderr } = await rig.run('edit', '-v', 'a.json', '--', 'echo', '2');
    expect(stderr).toMatch(/^lockstep: a\.json: acquired after \S+, token \d+\n$/);
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
    expect(missing.stderr).toMatch(/^lockstep: no-such-filter: command not found in PATH.*; the file is unchanged\n$/);
    expect((await edited('--', rig.write('plain', ''))).status).toBe(126);
  });

  test('if there is no filter: 64', async () => {
    const { status, stderr } = await edited();
    expect(status).toBe(64);
    expect(stderr).toContain('missing filter behind --');
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

describe('bytes', () => {
  const LATIN = Buffer.from('{"name":"Andr\xe9","count":1}\r\n', 'latin1');

  test('that are not UTF-8 go in and come out as they are', async () => {
    fs.writeFileSync(rig.path('a.json'), LATIN);
    const result = await rig.run('edit', 'a.json', '--', 'sed', 's/"count":1/"count":2/');
    expect(result).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(fs.readFileSync(rig.path('a.json'))).toEqual(Buffer.from('{"name":"Andr\xe9","count":2}\r\n', 'latin1'));
  });

  test('that a filter makes of a file that was UTF-8 are refused: 65', async () => {
    rig.write('a.json', '{"name":"André"}');
    const { status, stderr } = await rig.run('edit', 'a.json', '--', 'printf', '{"name":"Andr\\351"}');
    expect(status).toBe(65);
    expect(stderr).toMatch(/a\.json: printf printed no JSON \(it is not UTF-8\); the file is unchanged/);
    expect(rig.read('a.json')).toBe('{"name":"André"}');
  });

  test('a byte order mark is the filter’s business', async () => {
    rig.write('a.json', '\ufeff{"n":1}');
    expect((await rig.run('edit', 'a.json', '--', 'sed', 's/1/2/')).status).toBe(0);
    expect(rig.read('a.json')).toBe('\ufeff{"n":2}');
  });

  test('of a file that is larger than can be edited: refused in words, and no filter runs', async () => {
    fs.truncateSync(rig.write('huge.json', ''), 600 * 1024 * 1024);
    const { status, stderr } = await rig.run('edit', 'huge.json', '--', 'touch', 'ran');
    expect(status).toBe(74);
    expect(stderr).toMatch(/huge\.json: it has 629145600 bytes, and at most \d+ \(512 MiB\) can be edited/);
    expect(rig.exists('ran')).toBe(false);
  });
});

describe('an edit that is killed', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)('by %s takes its filter and what that started with it', async (signal) => {
    rig.write('a.json', '1');
    const filter = 'sleep 1000 & echo "child $!" >&2; echo "filter $$" >&2; wait';
    const edit = rig.lockstep(['edit', 'a.json', '--', 'sh', '-c', filter]);
    const [, child = ''] = await edit.says(/child (\d+)/, 'stderr');
    const [, pid = ''] = await edit.says(/filter (\d+)/, 'stderr');
    for (const each of [child, pid]) rig.stray(Number(each));
    edit.kill(signal);
    await edit.exited();
    await until('the filter and its child are gone', () => !isAlive(Number(pid)) && !isAlive(Number(child)));
    expect(rig.read('a.json')).toBe('1');
    expect((await rig.run('edit', 'a.json', '-n', '--', 'echo', '2')).status).toBe(0);
  });

  test('while it replaces leaves the old file or the new one, and no temporary file after the next edit', async () => {
    rig.write('a.json', JSON.stringify('x'.repeat(3_000_000)));
    const left = () => fs.readdirSync(rig.directory).filter((name) => name.startsWith('.a.json.lockstep-'));
    const edit = rig.lockstep(['edit', 'a.json', '--', 'sh', '-c', 'cat; echo']);
    await until('it has begun to write', () => left().length > 0 || !edit.running);
    edit.kill('SIGKILL');
    await edit.ended;
    expect(JSON.parse(rig.read('a.json'))).toHaveLength(3_000_000);
    expect((await rig.run('edit', 'a.json', '--', 'echo', '2')).status).toBe(0);
    expect(left()).toEqual([]);
    expect(rig.read('a.json')).toBe('2\n');
  });
});

test('what stands in the way of a lock’s directory leaves none behind', async () => {
  fs.mkdirSync(rig.path('around/d'), { recursive: true });
  const { status, stderr } = await rig.run('edit', 'around/d', '--', 'echo', '1');
  expect(status).toBe(74);
  expect(stderr).toMatch(/around\/d: it is a directory, not a file/);
  expect(fs.readdirSync(rig.path('around'))).toEqual(['d']);
});

test('a file of mode 0444 is not replaced, not even by root', async () => {
  rig.write('a.json', '1', 0o444);
  const { status, stderr } = await rig.run('edit', 'a.json', '--', 'echo', '2');
  expect(status).toBe(74);
  expect(stderr).toMatch(/a\.json: it is read-only \(mode 0444\): chmod u\+w it first/);
  expect(rig.read('a.json')).toBe('1');
});

describe.runIf(process.getuid?.() === 0)('of root', () => {
  test('a file that is bind-mounted alone cannot be replaced, and the error states what it is', async () => {
    rig.write('real.json', '1');
    rig.write('mounted.json', '');
    const inside = `mount --bind real.json mounted.json && exec "$NODE" "$MAIN" edit mounted.json -- echo 2`;
    const { status, stderr } = await rig.start('unshare', ['--mount', 'sh', '-c', inside], { input: '' }).ended;
    expect(status).toBe(74);
    expect(stderr).toMatch(/mounted\.json: it is a mount point, .*Mount its directory instead of the file/);
    expect(rig.read('real.json')).toBe('1');
  });

  test('on a disk that is nearly full the file stays whole, and it is said', async () => {
    const text = JSON.stringify({ count: 1, pad: 'x'.repeat(400_000) });
    fs.mkdirSync(rig.path('small'));
    // The kernel takes what there is room for, and then refuses: a short write, and ENOSPC.
    const inside = `mount -t tmpfs -o size=1m tmpfs small && cp big.json small/t.json &&
      "$NODE" "$MAIN" edit small/t.json -- sed s/1/2/ && head -c 450000 /dev/zero > small/fill &&
      { "$NODE" "$MAIN" edit small/t.json -- sed s/2/3/; echo "status $?"; cmp small/t.json expected.json && ls -A small; }`;
    rig.write('big.json', text);
    rig.write('expected.json', text.replace('1', '2'));
    const { stdout, stderr } = await rig.start('unshare', ['--mount', 'sh', '-c', inside], { input: '' }).ended;
    expect(stdout).toBe('status 74\n.lockstep\nfill\nt.json\n');
    expect(stderr).toMatch(/no space is left on the device \(ENOSPC\)/);
  });

  test('it writes nowhere else, whatever links stand beside the file', async () => {
    const victim = rig.write('victim', 'secret', 0o600);
    fs.mkdirSync(rig.path('bob'));
    rig.write('bob/t.json', '1');
    for (const name of ['.t.json.lockstep-0', 't.json.1']) fs.symlinkSync(victim, rig.path('bob', name));
    fs.chownSync(rig.path('bob'), 1_002, 1_002);
    fs.chownSync(rig.path('bob/t.json'), 1_002, 1_002);
    expect((await rig.run('edit', 'bob/t.json', '--', 'echo', '2')).status).toBe(0);
    expect(fs.readFileSync(victim, 'utf8')).toBe('secret');
    expect(fs.statSync(victim)).toMatchObject({ uid: 0, mode: 0o100600 });
    expect(fs.statSync(rig.path('bob/t.json'))).toMatchObject({ uid: 1_002, gid: 1_002 });
  });
});
