/**
 * The colours, from Okabe and Ito's set, which people with any colour vision can distinguish. Shape has the same meaning
 * as colour: hatched or solid, thick or thin, marks of different forms.
 */
interface Palette {
  paper: string;
  ink: string;
  muted: string;
  line: string;
  hold: string;
  /** A run of a job that succeeded, that failed, that another run or a signal ended, and one of which nobody knows. */
  ok: string;
  failed: string;
  ended: string;
  lost: string;
  onHold: string;
  shared: string;
  wait: string;
  evicted: string;
  stolen: string;
}

const LIGHT: Palette = {
  paper: '#ffffff',
  ink: '#1b1f24',
  muted: '#5c6672',
  line: '#e3e7eb',
  hold: '#0072b2',
  ok: '#009e73',
  failed: '#c44200',
  ended: '#a8417f',
  lost: '#7b8794',
  onHold: '#ffffff',
  shared: '#5fb2e6',
  wait: '#c98500',
  evicted: '#c44200',
  stolen: '#a8417f',
};

const DARK: Palette = {
  paper: '#14181d',
  ink: '#e8ebee',
  muted: '#9aa5b1',
  line: '#2a313a',
  hold: '#56b4e9',
  ok: '#2fcf9f',
  failed: '#ff7a45',
  ended: '#e79bc8',
  lost: '#8d99a6',
  onHold: '#0b1015',
  shared: '#a9dcf8',
  wait: '#f0b429',
  evicted: '#ff7a45',
  stolen: '#e79bc8',
};

/** The colours of each class. Rules, not custom properties: many SVG viewers do not support `var()`. */
function coloured(p: Palette): string {
  return [
    `.paper{fill:${p.paper}}.ink,text{fill:${p.ink}}.muted{fill:${p.muted}}`,
    `.grid{stroke:${p.line}}.band{fill:${p.line}}.axis{stroke:${p.muted}}`,
    `.hold{fill:${p.hold}}.shared{fill:${p.shared}}.onhold{fill:${p.onHold}}`,
    `.ok{fill:${p.ok}}.failed{fill:${p.failed}}.ended{fill:${p.ended}}.lost{fill:${p.lost}}`,
    `.wait{stroke:${p.wait}}.hatch{stroke:${p.wait}}.queue{fill:${p.wait}}`,
    `.gone{stroke:${p.evicted}}`,
    `.evicted{stroke:${p.evicted}}.stolen{fill:${p.stolen};stroke:${p.paper}}.gaveup{fill:${p.paper};stroke:${p.wait}}`,
    `.open{fill:${p.ink}}.action{fill:${p.ink};stroke:${p.ink}}.hollow{fill:${p.paper}}.value{stroke:${p.hold}}`,
    `.sticky{background:${p.paper}}body{background:${p.paper};color:${p.ink}}th,td{border-color:${p.line}}th,.quiet{color:${p.muted}}`,
  ].join('');
}

const SHAPES = [
  '.chart{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;max-width:100%;height:auto}',
  '.title{font-size:19px;font-weight:600}.name{font-size:14px;font-weight:600}.small{font-weight:400}',
  '.small{font-size:11.5px}.mono{font:11.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}',
  '.right{text-anchor:end}.middle{text-anchor:middle}',
  '.grid,.axis{stroke-width:1;shape-rendering:crispEdges}',
  '.wait{stroke-width:.8}.hatch{stroke-width:2}.queue{fill-opacity:.5}',
  '.evicted{stroke-width:2.4;fill:none}.stolen{stroke-width:1}.gaveup{stroke-width:1.8}',
  '.gone{fill-opacity:.35;stroke-width:1.4;stroke-dasharray:4 3}',
  '.value{fill:none;stroke-width:1.8}.action{stroke-width:1.4}',
].join('');

/** The style sheet of the chart and of the page around it. */
export const STYLE = `${SHAPES}${coloured(LIGHT)}@media (prefers-color-scheme:dark){${coloured(DARK)}}`;

/** For tests. */
export { DARK, LIGHT };
