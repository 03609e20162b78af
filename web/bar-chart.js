// Bars over time. What they say is in a table as well, so that the drawing is one picture to a screen reader.

import { el, shape } from './dom.js';

const height = 100; // units of the drawing, which is stretched to where it stands

/**
 * A figure of `bars`, each `{ name, value, text }`, the first on the left; `text` says the value. `label` says what is
 * drawn, and `top` the value of the highest bar.
 */
export function barChart({ label, top, bars }) {
  const highest = Math.max(...bars.map(({ value }) => value));
  const drawing = shape('svg', {
    viewBox: `0 0 ${bars.length} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label,
  });
  for (const y of [0, height / 2]) {
    drawing.append(shape('line', { class: 'grid', x1: 0, x2: bars.length, y1: y, y2: y }));
  }
  bars.forEach(({ name, value, text }, index) => {
    const size = highest > 0 ? (value / highest) * height : 0;
    const title = shape('title', {}, `${name}: ${text}`);
    drawing.append(shape('g', {}, title,
      // A day with little has a sliver of a bar, and one with nothing has none: the pointer finds both.
      shape('rect', { class: 'slot', x: index, y: 0, width: 1, height }),
      shape('rect', { class: 'bar', x: index + 0.12, y: height - size, width: 0.76, height: size })));
  });
  const middle = bars[Math.floor(bars.length / 2)];
  return el('figure', { class: 'chart' },
    el('div', { class: 'chart-top', 'aria-hidden': 'true' }, top), drawing,
    el('div', { class: 'chart-names', 'aria-hidden': 'true' },
      el('span', {}, bars[0].name), bars.length > 2 && el('span', {}, middle.name),
      bars.length > 1 && el('span', {}, bars.at(-1).name)));
}
