import { nodeHost } from './node-host.ts';

const PREFIX = 'LOCKSTEP_OF_';

/**
 * A variable in the environment of a child, which all its descendants inherit: they are found by it when their ancestors are
 * gone. No other process has that variable with that value.
 */
export interface Mark {
  readonly name: string;
  readonly value: string;
}

export function newMark(): Mark {
  return { name: `${PREFIX}${nodeHost.processes.nonce()}`, value: '1' };
}

export function isMark(name: string): boolean {
  return name.startsWith(PREFIX);
}
