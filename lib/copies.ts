/**
 * State that all copies of this package in one process share. (A program may load one itself, and another by way
 * of a dependency.) Each copy has its own classes and its own session, but a flow of control, and a deadlock, can go through all of them.
 */

/**
 * Returns the object that all copies share under a name: the copy that asks first makes it. A copy whose object has
 * another shape uses another name, so the name ends in a version.
 */
export function shared<T extends object>(name: string, make: () => T): T {
  const key = Symbol.for(`lockstep.${name}`);
  const known = (globalThis as { [key: symbol]: unknown })[key];
  if (known !== undefined) return known as T;
  const value = make();
  Object.defineProperty(globalThis, key, { value });
  return value;
}

/** Makes `instanceof` recognize the instances of these classes in every copy, and of the classes that extend them. */
export function brand(types: Record<string, abstract new (...args: never[]) => object>): void {
  for (const [name, type] of Object.entries(types)) {
    const mark = Symbol.for(`lockstep.class.${name}`);
    Object.defineProperty(type.prototype, mark, { value: true });
    Object.defineProperty(type, Symbol.hasInstance, {
      value(this: unknown, candidate: unknown): boolean {
        // A class that extends this one inherits the method: its instances are recognized as usual.
        if (this !== type) return Function.prototype[Symbol.hasInstance].call(this as () => void, candidate);
        return typeof candidate === 'object' && candidate !== null && mark in candidate;
      },
    });
  }
}
