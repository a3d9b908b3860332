import { MisuseError } from '../errors.ts';
import { type FileAct, fileError } from './file-error.ts';
import { JsonLayout, type Piece, type Place } from './json-layout.ts';
import { keysOf, membersOf, ordered, placesOf } from './json-members.ts';
import { isLossy, LossyNumbers } from './json-number.ts';
import { type JsonNode, MAX_DEPTH, scanJson } from './json-scan.ts';
import { JsonSource } from './json-source.ts';
import { isWritten, nameOf, unboxed } from './json-value.ts';

/**
 * Writes a changed value back into the JSON text that it was parsed from. Every part of the text whose value did not
 * change stays as it was: numbers of any length, escapes, layout.
 */
export class JsonEdit {
  readonly #act: FileAct;
  readonly #source: JsonSource;
  readonly #layout: JsonLayout;
  readonly #lossy: LossyNumbers;
  /** The keys from the root to the value that is being written. */
  readonly #path: string[] = [];
  /** The objects that are being written, each inside the one before it. */
  readonly #open = new Set<object>();

  /**
   * @param value the result of `JSON.parse`, not changed yet
   * @throws {StoreError} `FILE_NOT_JSON` if it is nested too deeply
   */
  constructor(text: string, value: unknown, act: FileAct) {
    this.#act = act;
    const root = scannedRoot(text, act);
    this.#source = new JsonSource(text, root, value);
    this.#layout = new JsonLayout(text, root);
    this.#lossy = new LossyNumbers(text, root);
  }

  /** Whether a value is the parsed one, or one of its parts. */
  isPart(value: unknown): boolean {
    return this.#source.nodeOf(value) !== undefined;
  }

  /** Whether the text still states this value. */
  isUnchanged(value: unknown): boolean {
    return this.#source.isSame(this.#source.root, value);
  }

  /**
   * The text of the changed value; the same text if nothing was changed.
   *
   * @throws {MisuseError} if JSON has no form for the value
   * @throws {StoreError} `FILE_NUMBER` if a number would lose digits, `FILE_KEY_TWICE`
   */
  textOf(given: unknown): string {
    const { text, root } = this.#source;
    const value = this.#plain(given);
    const node = this.#source.nodeOf(value) ?? root;
    const isSame = this.#source.isSame(node, value);
    if (isSame && node === root) return text;
    const place = this.#layout.root;
    const written = isSame ? this.#layout.moved(node, place) : this.#writeChanged(value, node, place);
    return text.slice(0, root.start) + written + text.slice(root.end);
  }

  /** `near` is the node that stood at the value's place; `place` is where the value is written. */
  #write(given: unknown, near: JsonNode | null, place: Place): string {
    const value = this.#plain(given);
    const node = this.#source.nodeOf(value) ?? near;
    if (node !== null && this.#source.isSame(node, value)) return this.#layout.moved(node, place);
    return this.#writeChanged(value, node, place);
  }

  #writeChanged(value: unknown, node: JsonNode | null, place: Place): string {
    if (typeof value === 'number') return this.#number(value, node);
    if (typeof value === 'object' && value !== null) return this.#container(value, node, place);
    return JSON.stringify(value);
  }

  /** The value that `JSON.stringify` would write; throws where it would silently write something else. */
  #plain(given: unknown): unknown {
    const value = unboxed(given, this.#path.at(-1) ?? '');
    if (typeof value === 'number' && !Number.isFinite(value) && this.#lossy.textOf(value) === undefined)
      throw this.#misuse(String(value));
    if (['undefined', 'function', 'symbol', 'bigint'].includes(typeof value)) throw this.#misuse(nameOf(value));
    if (typeof value === 'object' && value !== null && !isWritten(value)) throw this.#misuse(nameOf(value));
    return value;
  }

  #number(value: number, node: JsonNode | null): string {
    const before = node?.kind === 'number' ? this.#source.textAt(node) : '';
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
    if (this.#open.has(value)) throw this.#misuse('a cycle: an object inside itself');
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

  /** For each element, the index of the member in the text that it was; or −1. */
  #aligned({ members }: JsonNode, value: readonly unknown[]): number[] {
    const rest = value.length - members.length;
    if (rest === 0) return value.map((_, index) => index);
    const isSame = (from: number, to: number) => {
      const member = members[from];
      return member !== undefined && this.#source.isSame(member.value, value[to]);
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

  /** A member's piece; before it, unchanged, the earlier members with the same key, which do not count. */
  #pieces(node: JsonNode, places: readonly number[], text: string): Piece[] {
    const doubles = places.slice(0, -1).map((index) => this.#piece(node, index, this.#source.memberAt(node, index)));
    return [...doubles, this.#piece(node, places.at(-1) ?? -1, text)];
  }

  /**
   * The node that stood in the text where a member is written. Null if the value is a copy, or an array of another
   * length, and the node has a number that JavaScript cannot distinguish from another: the member may be that other
   * one.
   */
  #near(value: object, node: JsonNode | null, index: number): JsonNode | null {
    const member = node?.members[index]?.value ?? null;
    const isInPlace =
      this.#source.nodeOf(value) === node && (!Array.isArray(value) || value.length === node?.members.length);
    return member === null || isInPlace || !this.#lossy.hasTwin(member) ? member : null;
  }

  #piece(node: JsonNode | null, index: number, text: string): Piece {
    if (node === null || index < 0) return { lead: null, text };
    // The white space before the first member belongs to the bracket.
    return { lead: index === 0 ? null : this.#layout.lead(node, index), text: text + this.#layout.trail(node, index) };
  }

  /** Of two members with one key only the last counts: a change leaves the first, and a removal brings it back. */
  #checkDoubles(value: Values, node: JsonNode): void {
    const members = membersOf(node);
    if (members.size === node.members.length) return;
    const seen = new Set<string>();
    for (const { key } of node.members) {
      const member = members.get(key);
      const isTouched = member && !(Object.hasOwn(value, key) && this.#source.isSame(member.value, value[key]));
      if (seen.has(key) && isTouched)
        throw fileError(
          'FILE_KEY_TWICE',
          this.#act,
          `${this.#inside(key, () => this.#where())} stands there twice in one object, so a change of it is ambiguous. The file was not changed. Remove one of them first.`,
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

type Values = Record<string, unknown>;

/** An object that is being written. */
interface Written {
  node: JsonNode;
  places: ReadonlyMap<string, readonly number[]>;
  inside: Place;
}

function scannedRoot(text: string, act: FileAct): JsonNode {
  try {
    return scanJson(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw fileError('FILE_NOT_JSON', act, `it is ${error.message}. Use updateText.`, error);
  }
}
