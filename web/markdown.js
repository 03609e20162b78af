// Markdown to DOM nodes, for answers: a practical part of CommonMark and GFM (headings, paragraphs, lists, quotes,
// fenced code, tables, rules; inline.js has the rest). Raw HTML is shown as text.

import { el } from './dom.js';
import { inlineNodes } from './inline.js';

// Quotes and lists in each other deeper than this are shown as text: nobody reads them, and the stack is finite.
const deepest = 8;

const fence = /^ {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*$/;
const heading = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const rule = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const quote = /^ {0,3}> ?/;
const item = /^( {0,3})([-*+]|\d{1,9}[.)])(\s+|$)(.*)$/;
const delimiters = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const blank = /^\s*$/;

/** Cuts lines into blocks, each with the line it starts at. What a block is depends on no line before it. */
function blocksOf(lines) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (blank.test(lines[at])) {
      at += 1;
      continue;
    }
    const block = fencedCode(lines, at) ?? singleLine(lines, at) ?? quotation(lines, at) ?? list(lines, at)
      ?? table(lines, at) ?? paragraph(lines, at);
    blocks.push({ ...block, from: at });
    at = block.to;
  }
  return blocks;
}

function fencedCode(lines, at) {
  const open = fence.exec(lines[at]);
  if (!open) return null;
  const close = new RegExp(`^ {0,3}${open[1][0] === '`' ? '`' : '~'}{${open[1].length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  return { kind: 'code', language: open[2], text: lines.slice(at + 1, end).join('\n'), to: end + 1 };
}

function singleLine(lines, at) {
  if (rule.test(lines[at])) return { kind: 'rule', to: at + 1 };
  const match = heading.exec(lines[at]);
  return match ? { kind: 'heading', level: match[1].length, text: match[2] ?? '', to: at + 1 } : null;
}

function quotation(lines, at) {
  if (!quote.test(lines[at])) return null;
  const inner = [];
  let end = at;
  while (end < lines.length && quote.test(lines[end])) {
    inner.push(lines[end].replace(quote, ''));
    end += 1;
  }
  return { kind: 'quote', lines: inner, to: end };
}

function list(lines, at) {
  const first = item.exec(lines[at]);
  if (!first || rule.test(lines[at])) return null;
  const ordered = /\d/.test(first[2]);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const marker = item.exec(lines[end]);
    if (!marker || /\d/.test(marker[2]) !== ordered || rule.test(lines[end])) break;
    const indent = marker[1].length + marker[2].length + Math.min(marker[3].length || 1, 4);
    const inner = [marker[4]];
    end += 1;
    for (;;) {
      const filled = afterBlanks(lines, end);
      if (filled === lines.length || !belongs(lines, filled, indent, filled > end)) break;
      inner.push(...lines.slice(end, filled));
      inner.push(lines[filled].slice(Math.min(indent, lines[filled].search(/\S/))));
      end = filled + 1;
    }
    items.push(inner);
    const next = afterBlanks(lines, end);
    if (next < lines.length && item.test(lines[next])) end = next;
  }
  return { kind: 'list', ordered, first: ordered ? parseInt(first[2], 10) : 1, items, to: end };
}

function afterBlanks(lines, at) {
  let filled = at;
  while (filled < lines.length && blank.test(lines[filled])) filled += 1;
  return filled;
}

/** Whether a line that is not blank goes on with the list item whose text starts at column `indent`. */
function belongs(lines, at, indent, afterBlank) {
  const column = lines[at].search(/\S/);
  if (column >= indent) return true;
  if (column >= 2 && item.test(lines[at].slice(column))) return true; // models often indent by two
  return !afterBlank && !startsBlock(lines, at);
}

function startsBlock(lines, at) {
  const line = lines[at];
  return fence.test(line) || heading.test(line) || rule.test(line) || quote.test(line) || item.test(line);
}

function table(lines, at) {
  if (!lines[at].includes('|') || !delimiters.test(lines[at + 1] ?? '') || !lines[at + 1].includes('-')) return null;
  const rows = [cells(lines[at])];
  let end = at + 2;
  while (end < lines.length && lines[end].includes('|')) {
    rows.push(cells(lines[end]));
    end += 1;
  }
  return { kind: 'table', rows, to: end };
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && !blank.test(lines[end]) && !startsBlock(lines, end)) end += 1;
  return { kind: 'paragraph', text: lines.slice(at, end).map((line) => line.trimStart()).join('\n'), to: end };
}

function nodeOf(block, context, depth) {
  const inline = (text) => inlineNodes(text.trimEnd(), context);
  const inner = (lines) => (depth >= deepest
    ? [lines.join('\n')] : blocksOf(lines).map((each) => nodeOf(each, context, depth + 1)));
  switch (block.kind) {
    // An answer stands below the page's own headings.
    case 'heading': return el(`h${Math.min(block.level + 2, 6)}`, {}, inline(block.text));
    case 'rule': return el('hr');
    case 'quote': return el('blockquote', {}, inner(block.lines));
    case 'code': return el('pre', { tabindex: '0', role: 'region', 'aria-label': `Code ${block.language}`.trim() },
      el('code', {}, block.text));
    case 'list': return el(block.ordered ? 'ol' : 'ul', { start: block.first === 1 ? null : block.first },
      block.items.map((lines) => el('li', {}, tight(inner(lines)))));
    case 'table': return el('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table' },
      el('table', {},
        el('thead', {}, el('tr', {}, block.rows[0].map((cell) => el('th', { scope: 'col' }, inline(cell))))),
        el('tbody', {}, block.rows.slice(1).map((row) =>
          el('tr', {}, row.map((cell) => el('td', {}, inline(cell))))))));
    default: return el('p', {}, inline(block.text));
  }
}

/** A list item that begins with a paragraph shows its text without the paragraph's margins. */
function tight(nodes) {
  const [first, ...rest] = nodes;
  return first?.tagName === 'P' ? [...first.childNodes, ...rest] : nodes;
}

export function markdownNodes(text, context = {}) {
  return blocksOf(text.replace(/\r\n?/g, '\n').split('\n')).map((block) => nodeOf(block, context, 0));
}

/** Shows an answer while it grows: blocks that are complete stay as they are, only the open end is made again. */
export class MarkdownStream {
  #host;
  #context;
  #tail = '';
  #open = [];

  constructor(host, context = {}) {
    this.#host = host;
    this.#context = context;
  }

  append(text) {
    this.#tail += text;
    for (const node of this.#open) node.remove();
    this.#close();
    this.#open = markdownNodes(this.#tail, this.#context);
    this.#host.append(...this.#open);
  }

  /** Keeps all blocks of the tail's complete lines but the last: a later line can only change the last one. */
  #close() {
    const lines = this.#tail.split('\n').slice(0, -1).map((line) => line.replace(/\r$/, ''));
    const blocks = blocksOf(lines);
    if (blocks.length < 2) return;
    const last = blocks.at(-1);
    for (const block of blocks.slice(0, -1)) this.#host.append(nodeOf(block, this.#context, 0));
    this.#tail = this.#tail.split('\n').slice(last.from).join('\n');
  }
}
