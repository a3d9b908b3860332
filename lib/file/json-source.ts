import { isInOrder, keysOf, membersOf } from './json-members.ts';
import { decodeString, type JsonMember, type JsonNode } from './json-scan.ts';
import { hasOwnText, isLiteral, isWritten } from './json-value.ts';

type Values = Record<string | number, unknown>;

/**
 * A JSON text and the value that was parsed from it: knows which part of the text each object of the value came from.
 */
export class JsonSource {
  readonly text: string;
  readonly root: JsonNode;
  readonly #nodes = new Map<object, JsonNode>();

  /** @param value the result of `JSON.parse`, not changed yet */
  constructor(text: string, root: JsonNode, value: unknown) {
    this.text = text;
    this.root = root;
    this.#note(root, value);
  }

  /** The node that an object was parsed from, wherever the object is now. */
  nodeOf(value: unknown): JsonNode | undefined {
    return typeof value === 'object' && value !== null ? this.#nodes.get(value) : undefined;
  }

  textAt({ start, end }: JsonNode): string {
    return this.text.slice(start, end);
  }

  /** The text of a member with its key; empty if there is no such member. */
  memberAt(node: JsonNode, index: number): string {
    const member = node.members[index];
    return member ? this.text.slice(member.start, member.value.end) : '';
  }

  /** Whether the text of a node still states this value. */
  isSame(node: JsonNode, value: unknown): boolean {
    if (node.kind === 'number') return typeof value === 'number' && Number(this.textAt(node)) === value;
    if (node.kind === 'string') return typeof value === 'string' && decodeString(this.textAt(node)) === value;
    if (node.kind === 'literal') return isLiteral(value) && String(value) === this.textAt(node);
    if (typeof value !== 'object' || value === null || Array.isArray(value) !== (node.kind === 'array')) return false;
    if (hasOwnText(value) || !isWritten(value)) return false;
    return this.#haveSameMembers(node, value);
  }

  #note(node: JsonNode, value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    this.#nodes.set(value, node);
    // Of two members with one key the last counts, and it is noted last.
    for (const [index, member] of node.members.entries())
      this.#note(member.value, (value as Values)[node.kind === 'array' ? index : member.key]);
  }

  #haveSameMembers(node: JsonNode, value: object): boolean {
    const isSameAt = ({ value: member }: JsonMember, key: string | number) =>
      this.isSame(member, (value as Values)[key]);
    if (Array.isArray(value))
      return value.length === node.members.length && node.members.every((member, index) => isSameAt(member, index));
    const keys = keysOf(value);
    if (keys.length === node.members.length && keys.every((key, index) => node.members[index]?.key === key))
      return node.members.every((member) => isSameAt(member, member.key));
    // A key may stand twice in the text, and JavaScript puts integer keys first.
    const members = membersOf(node);
    if (keys.length !== members.size || !isInOrder(keys, [...members.keys()])) return false;
    return keys.every((key) => {
      const member = members.get(key);
      return member !== undefined && isSameAt(member, key);
    });
  }
}
