/** The style of a line. The text has the same information. */
export type Tone = 'selected' | 'head' | 'headings' | 'resource' | 'waiting' | 'alert' | 'foot' | 'question' | 'plain';
