import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lock, openStore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChildSpec } from '../../fixtures/programs/parent.ts';
import { isAlive } from '../support/cli-rig.ts';
import { gone, type MainProcess, Yard } from '../support/main-process.ts';
import { until } from '../support/process-rig.ts';

let yard: Yard;

beforeEach(() => {
  yard = new Yard();
});

/** Processes that nothing of the yard would end if the rule were broken. */
let strays: number[] = [];

afterEach(async () => {
  for (const pid of strays.filter(isAlive)) process.kill(pid, 'SIGKILL');
  strays = [];
  await yard.stop();
});

/** A module and a command that would go on until the gate opens, which it never does. */
const daemons = (): Record<string, ChildSpec> => ({
  module: { args: [yard.log, 'module', yard.gate], daemon: true },
  command: { command: ['sh', '-c', `echo command begins $$ >> '${yard.log}'; sleep 1000; :`], daemon: true },
});

/** Starts both kinds of daemons. Resolves to their pids, when both have begun. */
async function withDaemons(main: MainProcess): Promise<number[]> {
  for (const [as, child] of Object.entries(daemons())) await main.ask({ do: 'start', as, child });
  return Promise.all(Object.keys(daemons()).map((as) => yard.pidOf(new RegExp(`${as} begins`))));
}

describe('when main’s own code has ended', () => {
  test('its daemons are ended before they are done, and main exits', async () => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    await main.ask({ do: 'finish' });
    expect(await main.ended).toMatchObject({ code: 0, stderr: '' });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(yard.lines()).toHaveLength(2);
  });

  test('ordinary children are waited for, and the daemons are gone by then', async () => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    await main.ask({ do: 'start', as: 'c', child: { args: [yard.log, 'ordinary', yard.gate] } });
    const ordinary = await yard.pidOf(/ordinary begins/);
    await main.ask({ do: 'finish' });
    await gone(...pids);
    expect(isAlive(ordinary)).toBe(true);
    expect(main.child.exitCode).toBeNull();
    yard.open();
    expect(await main.ended).toMatchObject({ code: 0 });
    expect(yard.lines().at(-1)).toBe('ordinary ends');
  });

  test('a daemon lives on as long as main awaits an ordinary child', async () => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    await main.ask({ do: 'start', as: 'c', child: { command: ['sh', '-c', 'read -r _ < "$0"', fifo()] } });
    const joined = main.ask({ do: 'join', as: 'c' });
    // With the channel closed nothing but the join is left of main's code.
    void main.ask({ do: 'finish' });
    await until('the channel is closed', () => !main.child.connected);
    expect(pids.filter(isAlive)).toEqual(pids);
    fs.writeFileSync(path.join(yard.root, 'fifo'), 'go\n');
    await expect(joined).rejects.toThrow();
    expect(await main.ended).toMatchObject({ code: 0 });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('a daemon that ignores SIGTERM is killed after its grace', async () => {
    const main = await yard.main();
    const child = { export: 'stubborn', args: [yard.log, 'mule'], daemon: true, grace: 100 };
    await main.ask({ do: 'start', as: 'd', child });
    const pid = await yard.pidOf(/mule begins/);
    await main.ask({ do: 'finish' });
    expect(await main.ended).toMatchObject({ code: 0 });
    expect(isAlive(pid)).toBe(false);
    expect(yard.lines()).toContain('mule ignores SIGTERM');
  });

  test('a daemon that is stopped is ended all the same', async () => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await main.ask({ do: 'finish' });
    await main.ended;
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('the background processes of a daemon are ended too, also when the daemon itself ends first', async () => {
    const main = await yard.main();
    const command = ['sh', '-c', `sleep 1000 & echo behind $! >> '${yard.log}'`];
    await main.ask({ do: 'start', as: 'd', child: { command, daemon: true } });
    const pid = await yard.pidOf(/behind/);
    expect(await main.ask({ do: 'join', as: 'd' })).toEqual({ exitCode: 0 });
    await gone(pid);
  });

  function fifo(): string {
    const file = path.join(yard.root, 'fifo');
    spawn('mkfifo', [file]);
    return file;
  }
});

function guardiansOf(main: MainProcess): number[] {
  const { pid } = main.child;
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.map(Number).filter((child) => {
    return isAlive(child) && commandLineOf(child).includes('lockstep-guardian');
  });
}

function commandLineOf(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/**
 * A daemon, and what it started and let go: an orphan in a session of its own, and one that has neither the session nor the
 * environment. Resolves to their pids.
 */
async function withStrays(main: MainProcess): Promise<number[]> {
  const lasting = (name: string) => `echo ${name} begins \\$\\$ >> '${yard.log}'; exec sleep 1000`;
  const line = `(setsid sh -c "${lasting('orphan')}" &); env -i PATH="$PATH" setsid sh -c "${lasting('bare')}" & wait`;
  await main.ask({ do: 'start', as: 'd', child: { command: ['sh', '-c', line], daemon: true } });
  const [orphan = 0, bare = 0] = await Promise.all(
    ['orphan', 'bare'].map((name) => yard.pidOf(RegExp(`${name} begins`))),
  );
  strays.push(orphan, bare);
  return [orphan, bare];
}

describe('what a daemon started and let go, also with a session or an environment of its own, is gone', () => {
  test('when main’s own code has ended', async () => {
    const main = await yard.main();
    const pids = await withStrays(main);
    await main.ask({ do: 'finish' });
    expect(await main.ended).toMatchObject({ code: 0 });
    await gone(...pids);
  });

  test('when the daemon has ended', async () => {
    const main = await yard.main();
    const pids = await withStrays(main);
    await main.ask({ do: 'terminate', as: 'd' });
    await gone(...pids);
  });

  test.each([
    ['main is killed', 0],
    ['main and its guardian are killed', 1],
  ])('when %s', async (_, guardians) => {
    const main = await yard.main();
    const pids = await withStrays(main);
    for (const pid of guardiansOf(main).slice(0, guardians)) process.kill(pid, 'SIGKILL');
    main.child.kill('SIGKILL');
    await gone(...pids);
  });
});

describe('when main ends otherwise', () => {
  /**
   * All that ever began. When main has `ended`, all of them have begun: they have its stdout from their birth on, and
   * `ended` is when no process has it any more. A dying process gives it back a moment before it is seen to be dead.
   */
  const begun = (): number[] => yard.lines().map((line) => Number(line.split(' ').at(-1)));

  test.each([
    ['by process.exit', (main: MainProcess) => void main.ask({ do: 'exit', code: 3 }), { code: 3 }],
    ['of an uncaught exception', (main: MainProcess) => void main.ask({ do: 'throw' }), { code: 1 }],
    ['by SIGTERM', (main: MainProcess) => void main.child.kill('SIGTERM'), { signal: 'SIGTERM' }],
    ['by SIGINT', (main: MainProcess) => void main.child.kill('SIGINT'), { signal: 'SIGINT' }],
    ['by SIGKILL', (main: MainProcess) => void main.child.kill('SIGKILL'), { signal: 'SIGKILL' }],
  ])('%s, its daemons are gone within a second', async (how, end, expected) => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    const exited = new Promise((resolve) => main.child.once('exit', resolve));
    end(main);
    await exited;
    const took = await gone(...pids);
    console.log(`${how}: its daemons were gone ${took.toFixed(0)} ms later`);
    expect(took).toBeLessThan(1_000);
    expect(await main.ended).toMatchObject(expected);
  });

  test('by SIGKILL during a join, a daemon that ignores SIGTERM is gone too', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'd', child: { export: 'stubborn', args: [yard.log, 'mule'], daemon: true } });
    const pid = await yard.pidOf(/mule begins/);
    void main.ask({ do: 'join', as: 'd' });
    main.child.kill('SIGKILL');
    await main.ended;
    await gone(pid);
    expect(yard.lines().filter((line) => line.endsWith('SIGTERM'))).toEqual(['mule ignores SIGTERM']);
  });

  test('by SIGKILL, the locks that its daemons held are free', async () => {
    const store = openStore(yard.store);
    const main = await yard.main();
    const lock = { store: yard.store, name: 'held' };
    await main.ask({ do: 'start', as: 'd', child: { export: 'hold', args: [yard.log, 'd'], lock, daemon: true } });
    await yard.says(/d holds/);
    main.child.kill('SIGKILL');
    await (await new Lock('held', { store }).acquire({ timeout: 5_000 })).release();
  });

  test('by SIGKILL, the daemons of a daemon that is a main itself are gone too', async () => {
    const main = await yard.main();
    const library = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));
    const inner = `sh -c 'echo inner begins $$ >> "${yard.log}"; sleep 1000; :'`;
    const source = `
      import { Process } from ${JSON.stringify(library)};
      new Process({ command: ['sh', '-c', ${JSON.stringify(inner)}], daemon: true }).start();
      setInterval(() => {}, 1000);`;
    const command = [process.execPath, '--input-type=module', '-e', source];
    await main.ask({ do: 'start', as: 'd', child: { command, daemon: true } });
    const pid = await yard.pidOf(/inner begins/);
    main.child.kill('SIGKILL');
    await main.ended;
    await gone(pid);
  });

  test('by SIGKILL in the middle of start(), at any moment of it, no daemon is left', async () => {
    for (let round = 0; round < 12; round++) {
      for (const child of Object.values(daemons())) {
        const main = await yard.main();
        void main.ask({ do: 'start and die', child, block: round * 4 });
        expect(await main.ended).toMatchObject({ signal: 'SIGKILL' });
      }
    }
    await gone(...begun());
    // Dozens of processes start one after the other, each of which compiles its code: on a busy machine that takes long.
  }, 120_000);

  test('by SIGKILL while it starts one daemon after the other, none is left', async () => {
    for (let round = 0; round < 8; round++) {
      const main = await yard.main();
      const before = yard.lines().length;
      const child = daemons().command as ChildSpec;
      void main.ask({ do: 'start many', child, count: 60 });
      await until(`some have begun in round ${round}`, () => yard.lines().length > before + round * 4);
      main.child.kill('SIGKILL');
      expect(await main.ended).toMatchObject({ signal: 'SIGKILL' });
    }
    await gone(...begun());
  });

  test('by SIGKILL, after its guardian was killed again and again, its daemons are gone all the same', async () => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    for (let times = 0; times < 7; times++) {
      const [guardian] = guardiansOf(main);
      process.kill(guardian ?? 0, 'SIGKILL');
      await until('another guardian is there', () => guardiansOf(main).some((pid) => pid !== guardian));
    }
    // The guardian runs before it knows which groups to watch; when main answers, it knows them.
    await main.ask({ do: 'active' });
    main.child.kill('SIGKILL');
    await main.ended;
    await gone(...pids);
  });

  test('by SIGKILL in one go with its guardian, its daemons are gone, and get one SIGTERM', async () => {
    const main = await yard.main();
    const pids = await withDaemons(main);
    await main.ask({ do: 'start', as: 'd', child: { export: 'stubborn', args: [yard.log, 'mule'], daemon: true } });
    pids.push(await yard.pidOf(/mule begins/));
    for (const pid of guardiansOf(main)) process.kill(pid, 'SIGKILL');
    main.child.kill('SIGKILL');
    await main.ended;
    await gone(...pids);
    expect(yard.lines().filter((line) => line.endsWith('SIGTERM'))).toEqual(['mule ignores SIGTERM']);
  });

  test('by SIGKILL, its daemons get one SIGTERM, though two watch over them', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'd', child: { export: 'stubborn', args: [yard.log, 'mule'], daemon: true } });
    const pid = await yard.pidOf(/mule begins/);
    const reserve = reserveOf(main);
    main.child.kill('SIGKILL');
    await main.ended;
    await gone(pid, reserve);
    expect(yard.lines().filter((line) => line.endsWith('SIGTERM'))).toEqual(['mule ignores SIGTERM']);
  });

  /** The shell that acts if the guardian is gone too: it waits for this guardian, and is nobody's child. */
  function reserveOf(main: MainProcess): number {
    const [guardian] = guardiansOf(main);
    const mark = commandLineOf(guardian ?? 0).at(-1);
    const all = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    const found = all.map(Number).filter((pid) => commandLineOf(pid).slice(-2).join() === `lockstep-reserve,${mark}`);
    expect(found).toHaveLength(1);
    return found[0] as number;
  }
});
