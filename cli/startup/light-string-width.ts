import fastStringWidth from 'fast-string-width';

/**
 * Stands in for `string-width` in the bundle. That one builds an `Intl.Segmenter` when it is loaded,
 * which alone costs 20–60 ms, and yargs loads it on every start.
 */
export default function stringWidth(text: string): number {
  return fastStringWidth(text);
}
