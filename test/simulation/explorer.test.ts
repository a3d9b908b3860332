import { describe, expect, it } from 'vitest';
import { explored } from './explored.ts';
import { explore } from './explorer.ts';
import { contender, EVERY_RECORD } from './programs.ts';
import type { Call } from './sim-call.ts';

/** The n-th time that a process is about to do such a call. */
function nth(count: number, isSuch: (call: Call) => boolean): (call: Call) => boolean {
  let seen = 0;
  return (call) => isSuch(call) && ++seen === count;
}

function isLeave({ op, text = '' }: Call): boolean {
  return op === 'write' && text.includes('"leave"');
}

describe('a process that was stopped before making a journal that has long been made and deleted', () => {
  /**
   * The steps in `Journal.#locate`'s comment: c stands before making its file, a before opening what it
   * listed, b is at 4. (Had c made its private file already, b would have swept it away.)
   */
  const prelude = () => [
    { process: 2, until: nth(1, ({ op }) => op === 'create') },
    { process: 1, until: nth(1, ({ op }) => op === 'openForAppend') },
    { process: 0, until: nth(1, ({ op }) => op === 'openForAppend') },
    { process: 1, until: nth(2, isLeave) },
  ];

  it('leads nobody into its file, put aside twice at any call', () => {
    const one = contender({ rounds: 1, rotateBytes: EVERY_RECORD });
    const two = contender({ rounds: 2, rotateBytes: EVERY_RECORD });
    const { states } = explored({ programs: [one, two, one], crashes: 0, switches: 2, prelude: prelude() });
    expect(states).toBeGreaterThan(1_000);
  });

  it('is found out by the explorer if the first epoch comes without its directory, and the second listing is skipped', () => {
    const mutation = contenderWithoutSecondListing;
    const programs = [mutation(1), mutation(2), mutation(1)];
    expect(() => explore({ programs, crashes: 0, switches: 2, prelude: prelude() })).toThrow(
      /was lost instead of granted|which is lost|hold one permit/,
    );
  });
});

function contenderWithoutSecondListing(rounds: number) {
  return contender({
    rounds,
    rotateBytes: EVERY_RECORD,
    mutation(files, dispatch) {
      let opened: string | null = null;
      return {
        ...files,
        rename(from, to) {
          const [prepared, first] = [from.replace(/\.\d+$/, ''), 'journal.1'];
          files.makeDirectory(to, 0o700);
          const isLinked = dispatch({ op: 'link', path: `${prepared}/${first}`, to: `${to}/${first}` });
          files.remove(`${prepared}/${first}`);
          files.removeDirectory(prepared);
          if (!isLinked) throw Object.assign(new Error('it is there'), { code: 'EEXIST' });
        },
        openForAppend(path) {
          const fd = files.openForAppend(path);
          opened = path.slice(path.lastIndexOf('/') + 1);
          return fd;
        },
        list(directory) {
          // The epoch that was just opened is taken for the highest.
          const names = opened === null ? files.list(directory) : [opened];
          opened = null;
          return names;
        },
      };
    },
  });
}

describe('the explorer', () => {
  it('finds out a link that overwrites what is there', () => {
    const program = contender({
      rounds: 1,
      rotateBytes: EVERY_RECORD,
      mutation: (files, dispatch) => ({
        ...files,
        link: (path, to) => dispatch({ op: 'linkOver', path: path.replace(/\.\d+$/, ''), to }) as boolean,
      }),
    });
    expect(() => explore({ programs: [program, program], crashes: 0 })).toThrow(
      /which is lost|hold one permit|was lost instead of granted|before epoch \d+ was sealed|not in the highest epoch/,
    );
  });

  it('finds out that the highest journal is deleted', () => {
    const program = contender({
      rounds: 1,
      rotateBytes: EVERY_RECORD,
      mutation: (files) => ({
        ...files,
        remove(path) {
          const number = Number(/journal\.(\d+)$/.exec(path)?.[1] ?? 0);
          // The sweep's "all below the highest but one", off by two.
          return files.remove(number ? path.replace(/\d+$/, String(number + 2)) : path);
        },
      }),
    });
    expect(() => explore({ programs: [program, program], crashes: 0 })).toThrow(/was deleted while it was the highest/);
  });

  it('finds out that a seal is kept from those who read on behind it', () => {
    const program = contender({
      rounds: 1,
      rotateBytes: EVERY_RECORD,
      mutation: (files) => ({
        ...files,
        read(fd, buffer, position) {
          const length = files.read(fd, buffer, position);
          const text = Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1');
          // With records behind it, the seal reads as no record at all.
          const blurred = text.replace(/\["seal"(?=.*\n)/, '["lies"');
          return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length).write(blurred, 'latin1');
        },
      }),
    });
    expect(() => explore({ programs: [program, program], crashes: 0 })).toThrow(
      /which is lost|hold one permit|was lost instead of granted|before epoch \d+ was sealed|not in the highest epoch/,
    );
  });

  it('finds out that a dead holder is never evicted', () => {
    const program = contender({ rounds: 1, rotateBytes: EVERY_RECORD });
    const blind: typeof program = (witness) => {
      const processes = { ...witness.host.processes, state: () => 'unknown' as const };
      const files = { ...witness.host.files, hasReader: () => null };
      const host = { ...witness.host, processes, files };
      program(Object.defineProperty(witness, 'host', { value: host }));
    };
    expect(() => explore({ programs: [blind, blind], crashes: 1 })).toThrow(/is stuck|entries are left/);
  });
});
