import detectIndent from 'detect-indent';
import type { JsonNode } from './json-scan.ts';

/** How much of a text is used to detect its indentation. */
const SAMPLE_LENGTH = 16 * 1024;

/** Where a value is written: the indentation of its line, and whether its members get lines of their own. */
export interface Place {
  indent: string;
  isMultiline: boolean;
}

/** A member's text, and the white space before it. Without a lead it gets the others' lead. */
export interface Piece {
  lead: string | null;
  text: string;
}

/** The layout of a JSON text, so that added members look like the rest. */
export class JsonLayout {
  readonly #text: string;
  readonly #unit: string;
  readonly #lineEnd: string;
  readonly #colon: string;

  constructor(text: string, root: JsonNode) {
    this.#text = text;
    this.#unit = detectIndent(text.slice(0, SAMPLE_LENGTH)).indent;
    this.#lineEnd = /\r\n/.test(text) ? '\r\n' : '\n';
    this.#colon = this.#colonIn(root) ?? (this.#unit === '' ? ':' : ': ');
  }

  /** Where the root is written. */
  get root(): Place {
    return { indent: '', isMultiline: this.#unit !== '' };
  }

  /** Where the members of a container are written. No node: of a new container. */
  inside(node: JsonNode | null, { indent, isMultiline }: Place): Place {
    const lead = node === null ? null : this.lead(node, 0);
    if (lead === null) return { indent: isMultiline ? indent + this.#unit : indent, isMultiline };
    const line = lead.lastIndexOf('\n');
    return line === -1 ? { indent, isMultiline: false } : { indent: lead.slice(line + 1), isMultiline: true };
  }

  /** The white space before a member, behind the bracket or the comma. Null if there is no such member. */
  lead(node: JsonNode, index: number): string | null {
    const member = node.members[index];
    if (!member) return null;
    const before = node.members[index - 1];
    const from = before ? this.#text.indexOf(',', before.value.end) + 1 : node.start + 1;
    return this.#text.slice(from, member.start);
  }

  /** The text before a member's value: the key, the colon and the white space around it. */
  label({ start, value }: JsonNode['members'][number]): string {
    return this.#text.slice(start, value.start);
  }

  newLabel(key: string): string {
    return `${JSON.stringify(key)}${this.#colon}`;
  }

  /** The white space behind a member's value, up to the comma. */
  trail(node: JsonNode, index: number): string {
    const end = node.members[index]?.value.end ?? node.end;
    return index < node.members.length - 1 ? this.#text.slice(end, this.#text.indexOf(',', end)) : '';
  }

  /** The text of a changed container, of the same kind as the node. */
  join(node: JsonNode, pieces: readonly Piece[], outside: Place): string {
    const [open, close] = node.kind === 'object' ? '{}' : '[]';
    if (pieces.length === 0) return `${open}${close}`;
    const hasMembers = node.members.length > 0;
    const place = this.inside(hasMembers ? node : null, outside);
    const line = place.isMultiline ? this.#lineEnd : '';
    const first = this.lead(node, 0) ?? (line === '' ? '' : line + place.indent);
    const between = this.lead(node, 1) ?? (line === '' ? this.#gap : line + place.indent);
    const last = hasMembers ? this.#closing(node) : line === '' ? '' : line + outside.indent;
    const texts = pieces.map(({ lead, text }, index) => `${index === 0 ? first : (lead ?? between)}${text}`);
    return `${open}${texts.join(',')}${last}${close}`;
  }

  /** A new container's text. */
  joinNew(kind: 'object' | 'array', texts: readonly string[], outside: Place): string {
    const [open, close] = kind === 'object' ? '{}' : '[]';
    if (texts.length === 0) return `${open}${close}`;
    const { indent, isMultiline } = this.inside(null, outside);
    if (!isMultiline) return `${open}${texts.join(`,${this.#gap}`)}${close}`;
    const line = `${this.#lineEnd}${indent}`;
    return `${open}${line}${texts.join(`,${line}`)}${this.#lineEnd}${outside.indent}${close}`;
  }

  /** A value's own text; if it has several lines, with the indentation of its new place. */
  moved(node: JsonNode, { indent }: Place): string {
    const text = this.#text.slice(node.start, node.end);
    if (!text.includes('\n')) return text;
    const begin = this.#text.lastIndexOf('\n', node.start) + 1;
    const before = /^[ \t]*/.exec(this.#text.slice(begin, node.start))?.[0] ?? '';
    // A JSON string contains no line end: each one is between values.
    return before === indent ? text : text.replaceAll(`\n${before}`, `\n${indent}`);
  }

  /** The gap behind a comma, between members on one line: a space if there is one behind colons. */
  get #gap(): string {
    return this.#colon.endsWith(' ') ? ' ' : '';
  }

  #closing(node: JsonNode): string {
    const end = node.members.at(-1)?.value.end ?? node.start + 1;
    return this.#text.slice(end, node.end - 1);
  }

  /** The text between the first key in the node and its value. */
  #colonIn(node: JsonNode): string | null {
    for (const { start, value } of node.members) {
      const found = node.kind === 'object' ? /"(\s*:\s*)$/.exec(this.#text.slice(start, value.start))?.[1] : undefined;
      const colon = found ?? this.#colonIn(value);
      if (colon !== null) return colon;
    }
    return null;
  }
}
