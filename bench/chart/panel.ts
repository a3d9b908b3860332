import { type Drawn, el, text } from '../../cli/commands/timeline/drawing.ts';

/** A part of the chart: a place, and what is drawn there below its heading. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

const HEADING = 46;

/** Draws the heading of a panel; `draw` gets the place below it. */
export function panel(place: Place, title: string, what: string, draw: (below: Place) => Drawn[]): Drawn {
  const { x, y, width, height } = place;
  const below = { x, y: y + HEADING, width, height: height - HEADING };
  return el('g', {}, text('name', x, y + 14, title), text('muted small', x, y + 32, what), ...draw(below));
}
