import { DARK, LIGHT } from '../../cli/commands/timeline/palette.ts';

type Palette = typeof LIGHT;

// Rules, not custom properties: many SVG viewers do not support `var()`.
function coloured(p: Palette): string {
  return [
    `.paper{fill:${p.paper}}text{fill:${p.ink}}.muted{fill:${p.muted}}.grid{stroke:${p.line}}.axis{stroke:${p.muted}}`,
    `.value{stroke:${p.paper}}.ours{fill:${p.hold}}.peer{fill:${p.muted}}.stem-ours{stroke:${p.hold}}.stem-peer{stroke:${p.muted}}`,
    `.line-ours{stroke:${p.hold}}.line-kernel{stroke:${p.wait}}.line-other{stroke:${p.shared}}`,
    `.mark-ours{fill:${p.hold}}.mark-kernel{fill:${p.wait}}.mark-other{fill:${p.shared}}`,
  ].join('');
}

const SHAPES = [
  '.chart{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;max-width:100%;height:auto}',
  '.title{font-size:19px;font-weight:600}.name{font-size:14px;font-weight:600}.small{font-size:11.5px}.strong{font-weight:600}',
  '.right{text-anchor:end}.middle{text-anchor:middle}.grid,.axis{stroke-width:1;shape-rendering:crispEdges}',
  '.value{paint-order:stroke;stroke-width:4}',
  '.stem-ours,.stem-peer{stroke-width:2}.stem-peer{stroke-opacity:.55}',
  '.line-ours,.line-kernel,.line-other{fill:none;stroke-width:2.2}.line-kernel{stroke-dasharray:7 3}.line-other{stroke-dasharray:2 3}',
].join('');

/** The style sheet of the chart: colours that people with any colour vision can distinguish, and shapes that say the same. */
export const STYLE = `${SHAPES}${coloured(LIGHT)}@media (prefers-color-scheme:dark){${coloured(DARK)}}`;
