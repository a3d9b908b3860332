import { MisuseError } from '../errors.ts';
import { type FileAct, fileError } from './file-error.ts';
import { JsonLayout, type Piece, type Place } from './json-layout.ts';
import { isInOrder, keysOf, membersOf, ordered, placesOf } from './json-members.ts';
import { isLossy, LossyNumbers } from './json-number.ts';
import { decodeString, type JsonMember, type JsonNode, MAX_DEPTH, scanJson } from './json-scan.ts';
import { hasOwnText, isLiteral, isWritten, nameOf, unboxed } from './json-value.ts';

/**
 * A JSON text, and the value that was parsed from it and is about to be changed: afterwards `textOf` writes the changed
 * value so that every part of the text that was not changed stays as it was: numbers of any length, escapes, layout.
 */
export class JsonEdit {
  readonly #text: string;
  readonly #act: FileAct;
  readonly #root: JsonNode;
  readonly #layout: JsonLayout;
  /** Where each object of the value was written, wherever in the value it is moved. */
  readonly #nodes = new Map<object, JsonNode>();
  readonly #lossy: LossyNumbers;
  readonly #path: string[] = [];
  readonly #open = new Set<object>();

  /**
   * @param value what `JSON.parse` made of the text, not changed yet
   * @throws {StoreError} `FILE_NOT_JSON` if it is nested too deeply
   */
  constructor(text: string, value: unknown, act: FileAct) {
    this.#text = text;
    this.#act = act;
    try {
      this.#root = scanJson(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw fileError('FILE_NOT_JSON', act, `it is ${error.message}. Use updateText.`, error);
    }
    this.#layout = new JsonLayout(text, this.#root);
    this.#lossy = new LossyNumbers(text, this.#root);
    this.#note(this.#root, value);
  }

  /** Whether a value is, or is part of, the one that was parsed. */
  isPart(value: unknown): boolean {
    return typeof value === 'object' && value !== null && this.#nodes.has(value);
  }

  /** Whether a value still says what the text says. */
  isUnchanged(value: unknown): boolean {
    return this.#isSame(this.#root, value);
  }

  /**
   * The text of the changed value; the same text if nothing was changed.
   *
   * @throws {MisuseError} if JSON cannot say what the value says
   * @throws {StoreError} `FILE_NUMBER` if a number would lose digits, `FILE_KEY_TWICE`
   */
  textOf(value: unknown): string {
    if (this.#isSame(this.#root, value)) return this.#text;
    const before = this.#text.slice(0, this.#root.start);
    return before + this.#write(value, this.#root, this.#layout.root) + this.#text.slice(this.#root.end);
  }

  #note(node: JsonNode, value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    this.#nodes.set(value, node);
    // Of two members with one key the last one counts, and comes last.
    for (const [index, member] of node.members.entries())
      this.#note(member.value, (value as Values)[node.kind === 'array' ? index : member.key]);
  }

  #isSame(node: JsonNode, value: unknown): boolean {
    if (node.kind === 'number') return typeof value === 'number' && Number(this.#textAt(node)) === value;
    if (node.kind === 'string') return typeof value === 'string' && decodeString(this.#textAt(node)) === value;
    if (node.kind === 'literal') return isLiteral(value) && String(value) === this.#textAt(node);
    if (typeof value !== 'object' || value === null || Array.isArray(value) !== (node.kind === 'array')) return false;
    if (hasOwnText(value) || !isWritten(value)) return false;
    return this.#haveSameMembers(node, value);
  }

  #haveSameMembers(node: JsonNode, value: object): boolean {
    const isSameAt = ({ value: member }: JsonMember, key: string | number) =>
      this.#isSame(member, (value as Values)[key]);
    if (Array.isArray(value))
      return value.length === node.members.length && node.members.every((member, index) => isSameAt(member, index));
    const keys = keysOf(value);
    if (keys.length === node.members.length && keys.every((key, index) => node.members[index]?.key === key))
      return node.members.every((member) => isSameAt(member, member.key));
    // Keys that are there twice, or that JavaScript has in another order.
    const members = membersOf(node);
    if (keys.length !== members.size || !isInOrder(keys, [...members.keys()])) return false;
    return keys.every((key) => {
      const member = members.get(key);
      return member !== undefined && isSameAt(member, key);
    });
  }

  #textAt({ start, end }: JsonNode): string {
    return this.#text.slice(start, end);
  }

  /** `place` is where the value stands; `node` what stands there now, or stood at the value's own place. */
  #write(given: unknown, near: JsonNode | null, place: Place): string {
    const value = this.#plain(given);
    const own = typeof value === 'object' && value !== null ? this.#nodes.get(value) : undefined;
    const node = own ?? near;
    if (node !== null && this.#isSame(node, value)) return this.#layout.moved(node, place);
    if (typeof value === 'number') return this.#number(value, node);
    if (typeof value === 'object' && value !== null) return this.#container(value, node, place);
    return JSON.stringify(value);
  }

  /** What `JSON.stringify` would write, or an error where it would silently write something else. */
  #plain(given: unknown): unknown {
    const value = unboxed(given, this.#path.at(-1) ?? '');
    if (typeof value === 'number' && !Number.isFinite(value) && this.#lossy.textOf(value) === undefined)
      throw this.#misuse(String(value));
    if (['undefined', 'function', 'symbol', 'bigint'].includes(typeof value)) throw this.#misuse(nameOf(value));
    if (typeof value === 'object' && value !== null && !isWritten(value)) throw this.#misuse(nameOf(value));
    return value;
  }

  #number(value: number, node: JsonNode | null): string {
    const before = node?.kind === 'number' ? this.#textAt(node) : '';
    const lossy =
      this.#lossy.textOf(value) ?? (isLossy(before) && Math.abs(value) > Number.MAX_SAFE_INTEGER ? before : '');
    if (lossy !== '')
      throw fileError(
        'FILE_NUMBER',
        this.#act,
        `${this.#where()} has ${lossy}, or is made of it, and a number in JavaScript holds that only as ${Number(lossy)}. The file was not changed. Use updateText for such numbers, or write them as strings.`,
      );
    return JSON.stringify(value);
  }

  #container(value: object, near: JsonNode | null, place: Place): string {
    if (this.#open.has(value)) throw this.#misuse('a circle: an object inside itself');
    if (this.#open.size > MAX_DEPTH) throw this.#misuse(`nested deeper than ${MAX_DEPTH} levels`);
    this.#open.add(value);
    const kind = Array.isArray(value) ? 'array' : 'object';
    const node = near?.kind === kind ? near : null;
    const text = Array.isArray(value) ? this.#array(value, node, place) : this.#object(value as Values, node, place);
    this.#open.delete(value);
    return text;
  }

  #array(value: readonly unknown[], node: JsonNode | null, place: Place): string {
    const inside = this.#layout.inside(node, place);
    const near = node === null ? [] : this.#aligned(node, value);
    const pieces = Array.from(value, (element, index): Piece => {
      const from = near[index] ?? -1;
      return this.#piece(
        node,
        from,
        this.#inside(String(index), () => this.#write(element, this.#near(value, node, from), inside)),
      );
    });
    if (node !== null) return this.#layout.join(node, pieces, place);
    return this.#layout.joinNew(
      'array',
      pieces.map(({ text }) => text),
      place,
    );
  }

  /** Of each element, the index of the one in the text that it was; or −1. */
  #aligned({ members }: JsonNode, value: readonly unknown[]): number[] {
    const rest = value.length - members.length;
    if (rest === 0) return value.map((_, index) => index);
    const isSame = (from: number, to: number) => {
      const member = members[from];
      return member !== undefined && this.#isSame(member.value, value[to]);
    };
    const near = value.map(() => -1);
    const most = Math.min(value.length, members.length);
    let head = 0;
    for (; head < most && isSame(head, head); head++) near[head] = head;
    for (let tail = 1; tail <= most - head && isSame(members.length - tail, value.length - tail); tail++)
      near[value.length - tail] = members.length - tail;
    return near;
  }

  #object(value: Values, node: JsonNode | null, place: Place): string {
    const inside = this.#layout.inside(node, place);
    if (node === null) {
      const texts = keysOf(value).map(
        (key) => this.#layout.newLabel(key) + this.#inside(key, () => this.#write(value[key], null, inside)),
      );
      return this.#layout.joinNew('object', texts, place);
    }
    this.#checkDoubles(value, node);
    const places = placesOf(node);
    const pieces = ordered(keysOf(value), places).flatMap((key) =>
      this.#pieces(node, places.get(key) ?? [], this.#member(key, value, { node, places, inside })),
    );
    return this.#layout.join(node, pieces, place);
  }

  #member(key: string, values: Values, { node, places, inside }: Written): string {
    const index = places.get(key)?.at(-1) ?? -1;
    const member = node.members[index];
    const label = member ? this.#layout.label(member) : this.#layout.newLabel(key);
    return label + this.#inside(key, () => this.#write(values[key], this.#near(values, node, index), inside));
  }

  /** A member's piece; and before it those that have the same key, which do not count, as they are. */
  #pieces(node: JsonNode, places: readonly number[], text: string): Piece[] {
    const doubles = places.slice(0, -1).map((index) => this.#piece(node, index, this.#memberText(node, index)));
    return [...doubles, this.#piece(node, places.at(-1) ?? -1, text)];
  }

  /**
   * What stood in the text where a member of a value is written. Nothing, if the value is a copy, or an array of another
   * length, and the member has a number that JavaScript cannot tell from another one: then it may be the other one.
   */
  #near(value: object, node: JsonNode | null, index: number): JsonNode | null {
    const member = node?.members[index]?.value ?? null;
    const isInPlace =
      this.#nodes.get(value) === node && (!Array.isArray(value) || value.length === node?.members.length);
    return member === null || isInPlace || !this.#lossy.hasTwin(member) ? member : null;
  }

  #memberText(node: JsonNode, index: number): string {
    const member = node.members[index];
    return member ? this.#text.slice(member.start, member.value.end) : '';
  }

  #piece(node: JsonNode | null, index: number, text: string): Piece {
    if (node === null || index < 0) return { lead: null, text };
    // The first one's lead is the bracket's.
    return { lead: index === 0 ? null : this.#layout.lead(node, index), text: text + this.#layout.trail(node, index) };
  }

  /** Of two members with one key only the last counts: to change or remove it would leave, or bring back, the first. */
  #checkDoubles(value: Values, node: JsonNode): void {
    const members = membersOf(node);
    if (members.size === node.members.length) return;
    const seen = new Set<string>();
    for (const { key } of node.members) {
      const member = members.get(key);
      const isTouched = member && !(Object.hasOwn(value, key) && this.#isSame(member.value, value[key]));
      if (seen.has(key) && isTouched)
        throw fileError(
          'FILE_KEY_TWICE',
          this.#act,
          `${this.#inside(key, () => this.#where())} stands there twice in one object, so it cannot be changed without doubt. The file was not changed. Remove one of them first.`,
        );
      seen.add(key);
    }
  }

  #inside<T>(key: string, call: () => T): T {
    this.#path.push(key);
    const result = call();
    this.#path.pop();
    return result;
  }

  #where(): string {
    return this.#path.length === 0 ? 'the value' : this.#path.map((key) => JSON.stringify(key).slice(1, -1)).join('.');
  }

  #misuse(what: string): MisuseError {
    return new MisuseError(
      `update: the new value is no JSON value: ${this.#where()} is ${what}. ${this.#act.path} was not changed.`,
    );
  }
}

type Values = Record<string | number, unknown>;

/** An object that is being written. */
interface Written {
  node: JsonNode;
  places: ReadonlyMap<string, readonly number[]>;
  inside: Place;
}
