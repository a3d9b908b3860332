import fastStringWidth from 'fast-string-width';

/**
 * Replaces `string-width` in the bundle, which yargs loads on every start. `string-width` builds an `Intl.Segmenter` when
 * it is loaded, which takes 20–60 ms.
 */
export default function stringWidth(text: string): number {
  return fastStringWidth(text);
}
