/**
 * The method that returns how another process recreates the object. The symbol is registered globally, so that two
 * copies of the package recognize each other's objects.
 */
export const transfer = Symbol.for('lockstep.transfer');

/** The kind to create, and its arguments: only values that a structured clone keeps. */
export type Recipe = readonly [kind: string, ...ingredients: unknown[]];

/** An object that stands for the same resource when it is an argument of a `Process`. */
export interface Transferable {
  /** @internal */
  [transfer](): Recipe;
}
