/**
 * The method of what may be handed to another process: says how to make its like there. Registered
 * globally, so that two copies of the package understand each other.
 */
export const handed = Symbol.for('lockstep.handed');

/** What to make, and of what: only values that a structured clone keeps. */
export type Recipe = readonly [kind: string, ...ingredients: unknown[]];

export interface Handed {
  [handed](): Recipe;
}
