// The inline part of Markdown, as DOM nodes: emphasis, code, links, images, citation markers.

import { el } from './dom.js';

const deepest = 8;
const special = /[\\`*_~[!<h\n]/g;
const escape = /\\([!-/:-@[-`{-~])/y;
const hardBreak = /(?: {2,}|\\)\n/y;
const codeSpan = /(`+)([^]*?[^`])\1(?!`)/y;
const markers = /\[(\d{1,4}(?: *, *\d{1,4})*)\](?!\()/y;
const angleLink = /<(https?:\/\/[^\s<>]+|mailto:[^\s<>]+)>/y;
const bareLink = /https?:\/\/[^\s<>]*[^\s<>.,:;!?)"'\]*_]/y;
const target = /\(\s*<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;
const emphasis = /\*\*|__|~~|\*|_/y;
const elements = { '**': 'strong', __: 'strong', '~~': 'del', '*': 'em', _: 'em' };

/** Nodes of one run of text. `context.citation(marker)` gives the node of a marker, or null for an unknown one. */
export function inlineNodes(text, context = {}, depth = 0) {
  const nodes = [];
  const unclosed = new Set(); // marks that nothing behind closes: looking again for each would be quadratic
  let plain = '';
  let at = 0;
  while (at < text.length) {
    special.lastIndex = at;
    const next = special.exec(text)?.index ?? text.length;
    // The two spaces of a hard break stand before the character that was found.
    const found = text[next] === '\n' ? next - (/ *$/.exec(text.slice(at, next))[0].length) : next;
    plain += text.slice(at, found);
    at = found;
    if (at >= text.length) break;
    const piece = depth <= deepest ? pieceAt(text, at, context, depth, unclosed) : null;
    if (piece) {
      // A marker does not begin a line of its own.
      if (piece.sticks) plain = plain.replace(/ $/, '\u00a0');
      if (plain) nodes.push(plain);
      plain = '';
      nodes.push(...piece.nodes);
      at = piece.end;
    } else {
      plain += text.slice(at, next + 1);
      at = next + 1;
    }
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function at(pattern, text, index) {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

function pieceAt(text, index, context, depth, unclosed) {
  let match;
  if ((match = at(hardBreak, text, index))) return { nodes: [el('br')], end: index + match[0].length };
  if ((match = at(escape, text, index))) return { nodes: [match[1]], end: index + 2 };
  if ((match = at(codeSpan, text, index))) {
    const code = match[2].replaceAll('\n', ' ').replace(/^ (.*\S.*) $/, '$1');
    return { nodes: [el('code', {}, code)], end: index + match[0].length };
  }
  if ((match = at(markers, text, index))) return citations(match, index, context);
  if ((match = at(angleLink, text, index))) return link([match[1]], match[1], index + match[0].length);
  if ((match = at(bareLink, text, index))) return link([match[0]], match[0], index + match[0].length);
  if (text[index] === '[' || text.startsWith('![', index)) return bracketed(text, index, context, depth);
  if ((match = at(emphasis, text, index)) && !unclosed.has(match[0])) {
    return emphasised(text, index, match[0], context, depth, unclosed);
  }
  return null;
}

function citations(match, index, context) {
  const nodes = match[1].split(',').map((marker) => context.citation?.(Number(marker)) ?? null);
  return nodes.includes(null) ? null : { nodes, end: index + match[0].length, sticks: true };
}

function bracketed(text, index, context, depth) {
  const image = text[index] === '!';
  const start = index + (image ? 2 : 1);
  let open = 1;
  let end = start;
  for (; end < text.length && open > 0; end += 1) {
    if (text[end] === '\\') end += 1;
    else if (text[end] === '[') open += 1;
    else if (text[end] === ']') open -= 1;
  }
  if (open > 0) return null;
  const match = at(target, text, end);
  if (!match) return null;
  const label = text.slice(start, end - 1);
  const after = end + match[0].length;
  if (image) return picture(label, match[1], after);
  return link(inlineNodes(label, context, depth + 1), match[1], after);
}

function emphasised(text, index, mark, context, depth, unclosed) {
  const start = index + mark.length;
  const word = /[\p{L}\p{N}]/u;
  if (/\s|^$/.test(text[start] ?? '')) return null;
  if (mark[0] === '_' && word.test(text[index - 1] ?? '')) return null;
  for (let end = text.indexOf(mark, start); end >= 0; end = text.indexOf(mark, end + mark.length)) {
    if (mark.length === 1 && text[end + 1] === mark) {
      end += 1; // part of a ** inside
      continue;
    }
    if (mark.length === 2 && text[end + 2] === mark[0]) end += 1; // of ***, the last two
    if (end === start || /\s/.test(text[end - 1]) || text[end - 1] === '\\') continue;
    if (mark[0] === '_' && word.test(text[end + mark.length] ?? '')) continue;
    const inner = inlineNodes(text.slice(start, end), context, depth + 1);
    return { nodes: [el(elements[mark], {}, inner)], end: end + mark.length };
  }
  unclosed.add(mark);
  return null;
}

function parsed(address) {
  try {
    const url = new URL(address, location.origin);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function link(label, address, end) {
  const url = parsed(address);
  if (!url) return { nodes: label, end };
  if (url.origin === location.origin) return { nodes: [el('a', { href: url.href }, label)], end };
  return { nodes: [closedLink(label, url)], end };
}

function picture(label, address, end) {
  const url = parsed(address);
  if (!url) return { nodes: [label], end };
  if (url.origin === location.origin) {
    return { nodes: [el('img', { src: url.href, alt: label, loading: 'lazy' })], end };
  }
  return { nodes: [closedLink([`Image: ${label || url.hostname}`], url)], end };
}

/** A link to elsewhere: text until the reader opens it, then the whole address, to be judged before it is followed. */
function closedLink(label, url) {
  const holder = el('span', { class: 'outside' });
  const open = () => {
    const anchor = el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, url.href);
    holder.replaceChildren(...holder.firstElementChild.childNodes, ' (', anchor, ')');
    anchor.focus();
  };
  const attributes = { type: 'button', class: 'outside-button', title: 'Show the address', on: { click: open } };
  holder.append(el('button', attributes, label));
  return holder;
}
