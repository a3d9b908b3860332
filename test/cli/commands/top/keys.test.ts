import { beforeEach, describe, expect, test } from 'vitest';
import type { TopActions } from '../../../../cli/commands/top/actions.ts';
import type { Chosen } from '../../../../cli/commands/top/frame.ts';
import { TopKeys } from '../../../../cli/commands/top/keys.ts';

const ENTRIES = ['a', 'b', 'c'].map((key) => ({ key, name: key, entry: {} }) as unknown as Chosen);

let done: string[];
let keys: TopKeys;
let changed: Promise<void>;
beforeEach(() => {
  done = [];
  changed = new Promise((resolve) => {
    const actions = {
      describe: (deed: string, { key }: Chosen) => `${deed} of ${key}`,
      act: async (deed: string, { key }: Chosen) => {
        done.push(`${deed} ${key}`);
        return `did ${deed}`;
      },
    } as unknown as TopActions;
    keys = new TopKeys({ actions, onChange: resolve });
  });
  keys.see(ENTRIES);
});

test('Tab goes from one entry to the next and around, Shift-Tab back, and Escape leaves them', () => {
  const after = (key: string) => {
    keys.press(key);
    return keys.selected;
  };
  expect(['tab', 'tab', 'tab', 'tab', 'backtab', 'escape', 'backtab'].map(after)).toEqual([
    'a',
    'b',
    'c',
    'a',
    'c',
    null,
    'c',
  ]);
});

describe('B and E', () => {
  test('ask, and do it only after a y', async () => {
    keys.press('tab');
    keys.press('B');
    expect(keys.line).toBe('Break? y: yes, any other key: no – break of a');
    keys.press('n');
    expect(done).toEqual([]);
    keys.press('E');
    expect(keys.line).toMatch(/^End\? .* – end of a$/);
    keys.press('y');
    await changed;
    expect(done).toEqual(['end a']);
    expect(keys.line).toBe('did end');
  });

  test('do nothing without an entry, nor to one that is gone when the answer comes', () => {
    keys.press('B');
    expect(keys.line).toBe('Select an entry with Tab first');
    keys.press('tab');
    keys.press('B');
    keys.see(ENTRIES.slice(1));
    keys.press('y');
    expect(done).toEqual([]);
    expect(keys.selected).toBeNull();
  });
});

test('? shows help, and the next key closes it without doing anything else; Ctrl-C still quits', () => {
  expect(keys.press('?')).toBe(true);
  expect(keys.isHelp).toBe(true);
  expect(keys.press('q')).toBe(true);
  expect(keys.isHelp).toBe(false);
  keys.press('?');
  expect(keys.press('ctrl-c')).toBe(false);
  expect(keys.press('j')).toBe(false);
});
