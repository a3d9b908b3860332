/** A part of the manual. `roff.ts` and `plain.ts` render it. */
export type Block =
  | { is: 'section' | 'subsection'; text: string }
  | { is: 'paragraph'; text: string }
  /** A command line, shown verbatim. */
  | { is: 'code'; text: string }
  /** A term and its meaning. */
  | { is: 'entry'; term: string; text: string };
