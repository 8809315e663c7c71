// A JSON text as a tree that folds. It is read without being parsed: a number with twenty digits stays the one that was sent.

import { h } from "./dom.js";
import { visible } from "./signs.js";

const PIECES = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const ENDS = { __proto__: null, "{": "}", "[": "]" };
const AT_ONCE = 100;         // members of a list that are drawn before somebody asks for more
const OPEN = 12;             // what lies in the whole and has no more members than this is open from the start
const LONG = 400;            // characters of a text in one line

/** The tree of a JSON text; null where it is none. */
export function treeOf(text) {
  const pieces = text.match(PIECES) ?? [];
  if (!(pieces[0] in ENDS)) return null;
  const ends = closings(pieces);
  return ends ? h("div.vx-tree", {}, branch(pieces, ends, 0, null, 0)) : null;
}

/** Where what opens at a place closes; null where something does not. */
function closings(pieces) {
  const ends = new Map(), open = [];
  for (const [n, piece] of pieces.entries()) {
    if (piece in ENDS) open.push(n);
    else if (piece === "}" || piece === "]") {
      const from = open.pop();
      if (from === undefined || ENDS[pieces[from]] !== piece) return null;
      ends.set(from, n);
      if (!open.length) return n === pieces.length - 1 ? ends : null;
    }
  }
  return null;
}

/** The members of what opens at a place: [name or number, where its value is]. */
function members(pieces, ends, from) {
  const found = [];
  for (let n = from + 1; n < ends.get(from); n += 1) {
    if (pieces[n] === ",") continue;
    const named = pieces[from] === "{" && pieces[n + 1] === ":";
    const at = named ? n + 2 : n;
    found.push([named ? pieces[n] : `${found.length}`, at]);
    n = ends.get(at) ?? at;
  }
  return found;
}

function branch(pieces, ends, at, name, depth) {
  const label = name === null ? null : h("span.va-name", {}, ...visible(written(name)));
  if (!ends.has(at)) return h("div.vx-leaf", {}, label, label ? " " : null, leaf(pieces[at] ?? ""));
  const inner = members(pieces, ends, at), list = pieces[at] === "[";
  const many = `${inner.length} ${list ? "item" : "field"}${inner.length === 1 ? "" : "s"}`;
  if (!inner.length) return h("div.vx-leaf", {}, label, label ? " " : null, h("span.vi-quiet", {}, list ? "[ ]" : "{ }"));
  const body = h("div.vx-inner");
  const node = h("details.vx-branch", { open: depth === 0 || (depth === 1 && inner.length <= OPEN) }, h("summary", {}, label, label ? " " : null, h("span.vi-quiet", {}, many)), body);
  const fill = () => { if (!body.childNodes.length) more(body, pieces, ends, inner, 0, depth + 1); };
  node.ontoggle = () => { if (node.open) fill(); };
  if (node.open) fill();
  return node;
}

/** The next members; a button stands for those after them. */
function more(body, pieces, ends, inner, from, depth) {
  const to = Math.min(inner.length, from + AT_ONCE);
  body.append(...inner.slice(from, to).map(([name, at]) => branch(pieces, ends, at, name, depth)));
  if (to === inner.length) return;
  const next = h("button.va-fold", { type: "button" }, `${Math.min(AT_ONCE, inner.length - to)} more of ${inner.length}`);
  next.onclick = () => { next.remove(); more(body, pieces, ends, inner, to, depth); };
  body.append(next);
}

function leaf(piece) {
  if (piece[0] !== '"') return h("span.va-scalar", {}, ...visible(piece));
  const text = written(piece), node = h("span.va-string");
  const cut = text.length > LONG;
  node.append(...visible(cut ? text.slice(0, LONG) : text));
  if (!cut) return node;
  const whole = h("button.va-fold", { type: "button", title: "Show all of it" }, `… ${text.length - LONG} more characters`);
  whole.onclick = () => node.replaceChildren(...visible(text));
  node.append(whole);
  return node;
}

/** A text without its quotes and escapes. */
function written(piece) {
  if (piece[0] !== '"') return piece;
  try { return JSON.parse(piece); } catch { return piece; }
}
