import { styleText } from 'node:util';

/** The meaning of a colour; the text says the same. */
export type Hue = 'good' | 'busy' | 'bad' | 'quiet';

const STYLES: Record<Hue, Parameters<typeof styleText>[0]> = {
  good: 'green',
  busy: 'yellow',
  bad: 'red',
  quiet: 'dim',
};

/**
 * Whether text for a stream may have colours: at a terminal that has them. `FORCE_COLOR` forces them, also in a pipe; 0 or
 * false forbids them, as does any `NO_COLOR` but an empty one.
 *
 * Node's own `styleText` and `hasColors` are not asked alone: Node 20 has no such method for a pipe, and takes an empty
 * `NO_COLOR` for one.
 */
export function hasColours(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: none = '', NODE_DISABLE_COLORS: disabled = '', TERM: term } = env;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && none === '' && disabled === '' && term !== 'dumb';
}

export function coloured(hue: Hue, text: string): string {
  return text === '' ? text : styleText(STYLES[hue], text);
}

/** Words with which a state or a result begins. The first that fits counts; of others the colour is the terminal's own. */
const HUES: ReadonlyArray<[RegExp, Hue]> = [
  [/\b(stale|deadlock)\b/, 'bad'],
  [/^(failed|timed-out|lost|gave-up|gave up|stuck|late|broken|evicted|stolen|gone|unreadable|invalid)\b/, 'bad'],
  [/^(waiting|stopped|still waiting|unknown|replaced|cancelled)\b/, 'busy'],
  [/^(holding|running|still holding|alive|ok|set|succeeded)\b/, 'good'],
  [/^(free|clear|skipped|not-due|released|-$)/, 'quiet'],
];

/** The colour of a state or a result, by its words; null: none. */
export function hueOf(words: string): Hue | null {
  return HUES.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}
