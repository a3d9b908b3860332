import type { JsonMember, JsonNode } from './json-scan.ts';

const INTEGER_KEY = /^(0|[1-9]\d{0,9})$/;

/** The members of an object or an array by key or index, as its value has them: of two with one key, the last. */
export function membersOf(node: JsonNode): Map<string, JsonMember> {
  return new Map(node.members.map((member, index) => [node.kind === 'array' ? String(index) : member.key, member]));
}

/** The indexes of the members with each key. */
export function placesOf(node: JsonNode): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, { key }] of node.members.entries()) {
    const known = places.get(key);
    if (known) known.push(index);
    else places.set(key, [index]);
  }
  return places;
}

/** The keys that `JSON.stringify` writes. */
export function keysOf(value: object): string[] {
  if (Array.isArray(value)) return Array.from(value, (_, index) => String(index));
  return Object.keys(value).filter((key) => (value as Record<string, unknown>)[key] !== undefined);
}

/** Whether keys are in this order. Integer keys are ignored: JavaScript always puts them first. */
export function isInOrder(keys: readonly string[], order: readonly string[]): boolean {
  const named = (all: readonly string[]) => all.filter((key) => !INTEGER_KEY.test(key));
  const [ours, theirs] = [named(keys), named(order)];
  return ours.every((key, index) => theirs[index] === key);
}

/** The keys in the order to write them: that of the text, unless the order in the value was changed on purpose. */
export function ordered(keys: string[], places: ReadonlyMap<string, unknown>): string[] {
  if (!keys.some((key) => INTEGER_KEY.test(key))) return keys;
  const there = new Set(keys);
  const known = [...places.keys()].filter((key) => there.has(key));
  const kept = keys.filter((key) => places.has(key));
  return isInOrder(kept, known) ? [...known, ...keys.filter((key) => !places.has(key))] : keys;
}
