import { describe, expect, it } from 'vitest';
import { explored, TIMEOUT_MS } from './explored.ts';
import { explore, Violation } from './explorer.ts';
import { contender, EVERY_SECOND_RECORD, openResource } from './programs.ts';
import { directHost, type SimIdentity } from './sim-host.ts';
import type { Program } from './sim-process.ts';
import type { State } from './world.ts';

// The kernel's proof of life: by pids within one namespace, by lifelines everywhere, and not across a reboot.

const PIDS = [101, 102, 103];
const NEWCOMER = { key: 'z', pid: 999, wallMicros: 20, tickMs: 0 };
/** A kernel that was booted long after everything here, and one that was booted before it. */
const LATER_MS = 3_600_000;

const one = contender({ rounds: 1, rotateBytes: EVERY_SECOND_RECORD });

/** A program whose library is given wrong answers about lifelines. */
function deceived(hasReader: () => boolean | null): Program {
  return (witness) => {
    const host = { ...witness.host, files: { ...witness.host.files, hasReader } };
    one(Object.defineProperty(witness, 'host', { value: host }));
  };
}

describe('processes of different pid namespaces, to each of which the pids of the others mean nothing', () => {
  it(
    'keep what they hold while they live, and lose it when they die: a crash at any call',
    () => {
      const { states } = explored({ programs: [one, one], crashes: 1, namespaces: [1, 2] });
      expect(states).toBeGreaterThan(10_000);
    },
    TIMEOUT_MS,
  );

  it('rob each other if a lifeline that is held is taken for free: the explorer finds it', () => {
    const program = deceived(() => false);
    expect(() => explore({ programs: [program, program], crashes: 0, namespaces: [1, 2] })).toThrow(
      /hold one permit|was lost instead of/,
    );
  });

  it('wait for the dead for ever if lifelines cannot be asked: the explorer finds it', () => {
    const program = deceived(() => null);
    expect(() => explore({ programs: [program, program], crashes: 1, namespaces: [1, 2] })).toThrow(
      /is stuck|entries are left/,
    );
  });
});

/** Whether a newcomer gets the lock, if it came at this state to this machine. */
function comes(
  state: State,
  identity: Partial<SimIdentity>,
  gone: readonly number[],
  free: readonly number[],
): boolean {
  const host = directHost(state.snapshot.disk.copy(), { ...NEWCOMER, ...identity }, gone, free);
  const { resource } = openResource(host, 0);
  return resource.join({ kind: 'lock', permits: 1 }, { ask: 1, label: '', onlyIfGranted: true }).state === 'holding';
}

/** In every state, once for those that are the same to a newcomer. */
function always(check: (state: State, isHeld: boolean) => string | null): (state: State) => void {
  const seen = new Set<string>();
  return (state) => {
    if (state.snapshot.highest === 0) return;
    const isHeld = state.stops.some(({ held }, at) => held > 0 && !state.isDead[at]);
    const key = `${state.snapshot.id} ${isHeld}`;
    if (seen.has(key)) return;
    seen.add(key);
    const wrong = check(state, isHeld);
    if (wrong) throw new Violation(wrong);
  };
}

describe('a newcomer at any state of two processes', () => {
  it.each<
    [string, Partial<SimIdentity>, gone: number[], free: number[], whileHeld: boolean, otherwise: boolean | null]
  >([
    ['after a reboot of the machine gets in', { boot: 'later', bootedAt: LATER_MS }, [], PIDS, true, true],
    ['to which all are dead gets in', {}, PIDS, PIDS, true, true],
    ['in another namespace, to which all are dead, gets in', { namespace: 2 }, [], PIDS, true, true],
    [
      'that is shown another boot id does not rob a holder that lives',
      { boot: 'own', bootedAt: 0 },
      PIDS,
      [],
      false,
      null,
    ],
    ['in another namespace does not rob a holder that lives', { namespace: 2 }, PIDS, [], false, null],
    ['does not rob a dead process whose lifeline a descendant holds', {}, PIDS, [], false, null],
    [
      'under another boot id does not rob one whose lifeline is held, though the clocks say that it is older than the boot',
      { boot: 'later', bootedAt: LATER_MS },
      PIDS,
      [],
      false,
      null,
    ],
  ])(
    '%s',
    (_, identity, gone, free, whileHeld, otherwise) => {
      let met = 0;
      const check = always((state, isHeld) => {
        const expected = isHeld ? whileHeld : otherwise;
        if (isHeld) met += 1;
        if (expected === null || comes(state, identity, gone, free) === expected) return null;
        return expected ? 'a newcomer is not let in' : 'a newcomer robs a holder';
      });
      explored({ programs: [one, one], crashes: 0, always: check });
      expect(met).toBeGreaterThan(2);
    },
    TIMEOUT_MS,
  );
});
