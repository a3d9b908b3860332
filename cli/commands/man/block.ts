/** The manual, as what it is made of; `roff.ts` and `plain.ts` say how that is written down. */
export type Block =
  | { is: 'section' | 'subsection'; text: string }
  | { is: 'paragraph'; text: string }
  /** To be shown as it is: a command line. */
  | { is: 'code'; text: string }
  /** A term, and what it means. */
  | { is: 'entry'; term: string; text: string };
