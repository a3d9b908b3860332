import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { expect, test } from 'vitest';
import type { Program, Result, Rig, StartOptions } from '../support/cli-rig.ts';

const PAGE = fs.readFileSync(new URL('../../docs/from-flock.md', import.meta.url), 'utf8');
/** Waits for a line at the FIFO `gate`, which outlives a wrapper that is killed. */
export const AT_GATE = 'echo in $$; read -r _ < gate';

/** The rows of a tool's table: their cells. */
export function rowsOf(tool: string): string[][] {
  const [, part = ''] = PAGE.split(`\n### \`${tool}\`\n`);
  const lines =
    part
      .split(/\n##/)[0]
      ?.split('\n')
      .filter((line) => line.startsWith('| ')) ?? [];
  const rows = lines.map((line) => line.slice(1, -1).split(/(?<!\\)\|/));
  return rows.map((row) => row.map((cell) => cell.trim().replaceAll('\\|', '|'))).slice(2);
}

/** The table of one tool, and the tests of its rows: each has one, found by the row's first cell. */
export class Table {
  readonly #tool: string;
  readonly #isThere: boolean;
  readonly #tested: string[] = [];

  constructor(tool: string) {
    this.#tool = tool;
    this.#isThere = spawnSync(tool, ['--version']).status === 0;
  }

  /** Tests a row beside the real tool; where that is not there, the row is skipped, and says so. */
  row(key: string, body: () => Promise<void>, timeoutMs?: number): void {
    this.#tested.push(key);
    const why = this.#isThere ? '' : ` (skipped: there is no ${this.#tool} here)`;
    test.skipIf(!this.#isThere)(`${this.#tool}: ${key}${why}`, body, timeoutMs);
  }

  /** To be called last. `options`: all that the tool's manual has. */
  complete(options: readonly string[]): void {
    const rows = rowsOf(this.#tool);
    test(`each row of ${this.#tool} has a test, and each test a row, and each says in a sentence what differs`, () => {
      expect(this.#tested).toEqual([...new Set(this.#tested)]);
      expect(rows.map(([key]) => key).sort()).toEqual([...this.#tested].sort());
      for (const [key, does, here, difference, ...more] of rows) {
        expect([does, here, ...more], key).not.toContain('');
        expect(difference, key).toMatch(/^\S.*\.$/);
        expect(more, key).toEqual([]);
      }
    });

    test(`each option that ${this.#tool} has, by its manual and by its --help, has a row`, () => {
      const help = spawnSync(this.#tool, ['--help'], { encoding: 'utf8' }).stdout ?? '';
      // GNU sem prints the help of parallel, which has a hundred more.
      const printed =
        this.#tool === 'sem' ? [] : [...help.matchAll(/(?<=^ +|, )--?[a-z][\w-]*/gim)].map(([one]) => one);
      const keys = rows.flatMap(([key = '']) => [...key.matchAll(/(?<=[` ])--?[a-z][\w-]*/gi)].map(([one]) => one));
      expect([...options, ...printed].filter((option) => !keys.includes(option))).toEqual([]);
    });
  }
}

/** One of two programs that do the same: the real tool, or `lockstep run`. */
export class Side {
  readonly #rig: Rig;
  readonly #words: (options: readonly string[], command: readonly string[]) => readonly string[];

  /** `words`: the program and its arguments, for options and a command. */
  constructor(rig: Rig, words: (options: readonly string[], command: readonly string[]) => readonly string[]) {
    this.#rig = rig;
    this.#words = words;
  }

  start(options: readonly string[], command: readonly string[], given: StartOptions = {}): Program {
    const [program = '', ...args] = this.#words(options, command);
    return this.#rig.start(program, args, given);
  }

  /** Runs it to its end, without input. */
  run(options: readonly string[], ...command: string[]): Promise<Result> {
    return this.start(options, command, { input: '' }).ended;
  }

  /** The same, and only its status. */
  async status(options: readonly string[], ...command: string[]): Promise<Result['status']> {
    return (await this.run(options, ...command)).status;
  }

  /** A command that holds until `letGo()`. */
  async hold(...options: string[]): Promise<Program> {
    const holder = this.start(options, ['sh', '-c', 'echo in; read -r _; exit 0']);
    await holder.says('in');
    return holder;
  }
}
