// How much of a budget is used up.

import { el, shape } from './dom.js';
import { exactly, money, utcDay } from './format.js';

/** Whether calls pass beyond the stop just now. */
export function isOverridden({ override }) {
  return override !== null && Date.parse(override.expiresAt) > Date.now();
}

/** What was spent of a budget and what is left, in words and as a bar; `head` says whose it is. */
export function budgetState(head, budget, currency) {
  const { limit, spent, reserved } = budget;
  const left = limit - spent - reserved;
  const percent = limit > 0 ? Math.floor((spent / limit) * 100) : 100;
  return [
    el('div', { class: 'row-head' }, head, badge(budget, percent)),
    bar(budget),
    el('p', {}, `${money(spent, currency)} of ${money(limit, currency)} spent`,
      limit > 0 && ` (${percent.toLocaleString()}\u00a0%)`),
    el('p', { class: 'meta' }, [
      left >= 0 ? `${money(left, currency)} left` : `${money(-left, currency)} over`,
      reserved > 0 && `${money(reserved, currency)} held for calls under way`,
      `the next month begins on ${utcDay(budget.periodEnd)} (UTC)`,
    ].filter(Boolean).join(' · ')),
    isOverridden(budget) && el('p', { class: 'note' },
      `Calls pass whatever they cost, until ${exactly(budget.override.expiresAt)}: `, el('q', {}, budget.override.reason)),
  ];
}

function badge(budget, percent) {
  if (isOverridden(budget)) return el('span', { class: 'badge approved' }, 'Overridden');
  if (percent >= 100) return el('span', { class: 'badge rejected' }, 'Used up');
  return percent >= 85 && el('span', { class: 'badge rejected' }, 'Nearly used up');
}

/** The text beside it says the same. */
function bar({ limit, spent, reserved }) {
  const whole = Math.max(limit, spent + reserved, 1);
  const piece = (kind, from, width) => shape('rect', {
    class: kind, x: (from / whole) * 100, width: (width / whole) * 100, y: 0, height: 1,
  });
  return shape('svg', { class: 'budget-bar', viewBox: '0 0 100 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    piece('spent', 0, spent), piece('reserved', spent, reserved));
}
