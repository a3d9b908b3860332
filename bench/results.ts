import type { Machine } from './machine.ts';
import type { Section } from './section.ts';

/** The figures of a full run, as they are committed. */
export interface Results {
  machine: Machine;
  measuredOn: string;
  sections: Section[];
}
