import { pack, unpack } from './argument-codec.ts';

/** How a module's function ended, or the attempt to load the module. */
export type Outcome =
  | { returned: unknown }
  | { threw: unknown }
  /** It returned or threw what cannot be transferred; the words say why. */
  | { refused: string };

const KINDS = ['returned', 'threw', 'refused'] as const;

/** Packs it for the starter. A value that cannot be transferred becomes the reason why. */
export function packOutcome(outcome: Outcome): Uint8Array {
  const at = KINDS.findIndex((kind) => kind in outcome);
  const [value] = Object.values(outcome);
  try {
    return Buffer.concat([Buffer.of(at), pack(value, 'the result')]);
  } catch (error) {
    return packOutcome({ refused: (error as Error).message });
  }
}

/** Whether it is that of a function that has returned what can be transferred. */
export function isReturned(packed: Uint8Array): boolean {
  return packed[0] === 0;
}

export function unpackOutcome(bytes: Uint8Array): Outcome {
  const kind = KINDS[bytes[0] ?? -1];
  if (!kind) throw new Error('it is of another version');
  return { [kind]: unpack(bytes.subarray(1)) } as Outcome;
}
