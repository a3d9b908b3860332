/** The measures of a picture. Lengths are in its own units: at their natural size, pixels. */
export interface Layout {
  width: number;
  /** The edges of the part that shows time. */
  left: number;
  right: number;
  margin: number;
  /** About so many times on the axis. */
  ticks: number;
  /** Whether what a row is about stands above its bars, and not beside them. */
  isNarrow: boolean;
  /** The id of its pattern: a page has two pictures. */
  hatch: string;
}

export const WIDE: Layout = {
  width: 1_080,
  left: 262,
  right: 1_050,
  margin: 18,
  ticks: 6,
  isNarrow: false,
  hatch: 'hatch',
};

/** For a phone: a wide picture would be shrunk there until nobody could read it. */
export const NARROW: Layout = {
  width: 400,
  left: 14,
  right: 384,
  margin: 14,
  ticks: 3,
  isNarrow: true,
  hatch: 'hatch-narrow',
};

/** The widths that a character takes at most, nearly always: text cannot be measured here. */
export const CHARACTER = { small: 6.4, body: 7.2, name: 8.6, mono: 7 } as const;
