import { widthOf } from '../cli/text/truncate.ts';

const SIZE = { font: 13.5, character: 8.1, line: 20, margin: 18, bar: 30 };

/** The colours of a terminal that is dark on any page. */
const COLOURS = {
  paper: '#14181d',
  edge: '#3a434e',
  ink: '#dfe4e9',
  muted: '#8b97a4',
  31: '#ff7b72',
  32: '#3fd08f',
  33: '#f0b429',
};

const ESCAPE = '\u001b';
const PARTS = new RegExp(`(${ESCAPE}\\[\\d+m| {2,})`);
const COLOUR = new RegExp(`^${ESCAPE}\\[(\\d+)m$`);

interface Piece {
  /** The column in which it begins. */
  column: number;
  text: string;
  colour: string;
}

/** Draws what a command printed at a terminal, with its colours, as a self-contained SVG. */
export function terminalPicture(command: string, output: string): string {
  const [headings = [], ...rows] = output.trimEnd().split('\n').map(piecesOf);
  const lines = [headings.map((piece) => ({ ...piece, colour: COLOURS.muted })), ...rows];
  const columns = Math.max(...lines.flat().map(({ column, text }) => column + widthOf(text)));
  const width = Math.ceil(2 * SIZE.margin + columns * SIZE.character);
  const height = SIZE.bar + (lines.length + 1) * SIZE.line + 1.5 * SIZE.margin;
  const prompt = [
    { column: 0, text: '$', colour: COLOURS.muted },
    { column: 2, text: command, colour: COLOURS.ink },
  ];
  const drawn = [prompt, ...lines].flatMap((pieces, at) => pieces.map((piece) => textOf(piece, at)));
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (colour, at) => `<circle cx="${SIZE.margin + 5 + at * 18}" cy="17" r="5.5" fill="${colour}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(command)} at a terminal">`,
    `<style>text{font:${SIZE.font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}</style>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="${COLOURS.paper}" stroke="${COLOURS.edge}"/>`,
    ...dots,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** Where a cell ends and the next one begins, in which colour: each is drawn at its own place, whatever font there is. */
function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let column = 0;
  let colour = COLOURS.ink;
  for (const part of line.split(PARTS)) {
    const code = COLOUR.exec(part)?.[1];
    if (code !== undefined) colour = code === '2' ? COLOURS.muted : (COLOURS[code as unknown as 31] ?? COLOURS.ink);
    else if (part.trim() !== '') pieces.push({ column, text: part, colour });
    if (code === undefined) column += widthOf(part);
  }
  return pieces;
}

function textOf({ column, text, colour }: Piece, line: number): string {
  const x = (SIZE.margin + column * SIZE.character).toFixed(1);
  const y = SIZE.bar + SIZE.margin + line * SIZE.line;
  const length = (widthOf(text) * SIZE.character).toFixed(1);
  return `<text x="${x}" y="${y}" textLength="${length}" fill="${colour}">${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
