// What went over the wire, as text to read: JSON laid out, events with their times, and the same request for other tools.
// JSON is laid out without being parsed: a number with twenty digits stays the one that was sent.

import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { ABSENT, duration } from "./figures.js";
import { visible } from "./signs.js";

const LONGEST = 300_000;     // characters of a document that are drawn
const LONG_STRING = 1200;
const LINE = 240;            // characters of an event while it is folded
const OPEN_LINE = 20_000;
const AT_ONCE = 400;
const INLINE = 4000;         // a list without lists in it stays on one line up to here
const PIECES = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const PAIRS = { __proto__: null, "{": "}", "[": "]" };

/** The beginning of a text, no character cut in two. */
export const begin = (text, length) => text.slice(0, /[\ud800-\udbff]/.test(text[length - 1] ?? "") ? length - 1 : length);
const size = (text) => (text.length < 1000 ? `${text.length} characters` : `${(text.length / 1000).toFixed(text.length < 99_500 ? 1 : 0)} k characters`);

/** A text of the wire with its size and a button to copy all of it. */
export function documentOf(value, what) {
  const text = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2);
  if (!text) return h("p.vi-quiet", {}, `No ${what} was kept.`);
  return h("div.va-document", {},
    h("p.va-document-head", {}, h("span.vi-quiet", {}, size(text), text.length > LONGEST ? `, of which ${LONGEST / 1000} k are drawn; the copy has all` : ""), copyButton(text, `the ${what}`)),
    h("pre", { tabindex: 0, "aria-label": what }, ...laidOut(begin(text, LONGEST))));
}

/** Nodes of a text, laid out and with its parts told apart if it looks like JSON. */
export function laidOut(text) {
  const begins = text.search(/[{[]/);
  const looks = begins >= 0 && (begins === 0 || /\n\s*$/.test(text.slice(0, begins)) || !text.slice(0, begins).trim());
  if (!looks) return visible(text).flatMap(unmarked);
  const pieces = text.slice(begins).match(PIECES) ?? [];
  return [...visible(text.slice(0, begins)).flatMap(unmarked), ...indented(pieces)];
}

/** A line break needs no sign where the text breaks there. */
const unmarked = (node) => (node instanceof Node && (node.textContent === "↵" || node.textContent === "⇥") ? [] : [node]);

function indented(pieces) {
  const nodes = [];
  const ends = closings(pieces);
  let depth = 0, flat = -1;
  const line = () => `\n${"  ".repeat(Math.min(depth, 40))}`;
  let plain = "";
  const add = (text) => { plain += text; };
  const flush = () => { if (plain) nodes.push(plain); plain = ""; };
  pieces.forEach((piece, n) => {
    if (piece in PAIRS) {
      const empty = pieces[n + 1] === PAIRS[piece];
      if (flat < 0 && (empty || (piece === "[" && isFlat(pieces, n, ends[n])))) flat = ends[n];
      depth += 1;
      add(flat >= 0 ? piece : piece + line());
    } else if (piece === "}" || piece === "]") {
      depth = Math.max(0, depth - 1);
      add(flat >= 0 ? piece : line() + piece);
      if (n === flat) flat = -1;
    } else if (piece === ",") add(flat >= 0 ? ", " : piece + line());
    else if (piece === ":") add(": ");
    else { flush(); nodes.push(part(piece, pieces[n + 1] === ":")); }
  });
  flush();
  return nodes;
}

/** Where what opens at a place closes. */
function closings(pieces) {
  const ends = new Map(), open = [];
  pieces.forEach((piece, n) => {
    if (piece in PAIRS) open.push(n);
    else if ((piece === "}" || piece === "]") && open.length) ends.set(open.pop(), n);
  });
  return pieces.map((_, n) => ends.get(n) ?? pieces.length);
}

function isFlat(pieces, from, to) {
  let length = 0;
  for (let n = from + 1; n < to; n += 1) {
    length += pieces[n].length;
    if (pieces[n] in PAIRS || length > INLINE) return false;
  }
  return true;
}

function part(piece, isKey) {
  if (piece[0] !== '"') return h("span.va-scalar", {}, ...visible(piece));
  const node = h(isKey ? "span.va-name" : "span.va-string", {});
  if (piece.length <= LONG_STRING) { node.append(...visible(piece).flatMap(unmarked)); return node; }
  const more = h("button.va-fold", { type: "button", title: "Show all of it" }, `… ${size(piece.slice(LONG_STRING))} more`);
  more.onclick = () => node.replaceChildren(...visible(piece).flatMap(unmarked));
  node.append(...visible(begin(piece, LONG_STRING)).flatMap(unmarked), more);
  return node;
}

/** The events of a stream: when each came, how long after the one before, and its text; a click unfolds it. */
export class Events {
  constructor() {
    this.body = h("tbody");
    this.more = h("button.va-more", { type: "button", hidden: true, onclick: () => this.grow() });
    this.head = h("p.va-document-head");
    this.element = h("div.va-document", {}, this.head, h("div.va-scroll", {}, h("table.vi-table.va-events", {},
      h("thead", {}, h("tr", {}, h("th.vi-number", {}, "At"), h("th.vi-number", {}, "After"), h("th", {}, "Event"))), this.body)), this.more);
    this.body.onclick = (event) => this.turn(event.target.closest("tr"));
  }

  show(events) {
    this.events = events;
    this.drawn = 0;
    this.body.replaceChildren();
    const steps = events.slice(1).map(([at], n) => at - events[n][0]).filter(Number.isFinite).sort((a, b) => a - b);
    this.slow = Math.max(0.25, 5 * (steps[steps.length >> 1] ?? 0));
    const all = () => events.map(([at, text]) => `${Number.isFinite(at) ? at.toFixed(4) : ABSENT}\t${text}`).join("\n");
    this.head.replaceChildren(h("span.vi-quiet", {}, `${events.length} events; times are seconds since the request was sent`), copyButton(all, "all events"));
    this.grow();
  }

  grow() {
    const to = Math.min(this.events.length, this.drawn + AT_ONCE);
    const rows = [];
    for (let n = this.drawn; n < to; n += 1) rows.push(this.row(n));
    this.body.append(...rows);
    this.drawn = to;
    this.more.hidden = to >= this.events.length;
    this.more.textContent = `Draw ${Math.min(AT_ONCE, this.events.length - to)} more of ${this.events.length} events`;
  }

  row(n) {
    const [at, text] = this.events[n];
    const after = n ? at - this.events[n - 1][0] : NaN;
    const row = h("tr", { tabindex: 0, "aria-expanded": "false", onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.turn(row); } } },
      h("td.vi-number", {}, Number.isFinite(at) ? `${at.toFixed(3)}\u202fs` : ABSENT),
      h("td.vi-number", { "data-tone": after > this.slow ? "watch" : null }, Number.isFinite(after) ? duration(after) : ""),
      h("td.va-line", {}, h("bdi", {}, ...folded(text))));
    row.n = n;
    return row;
  }

  turn(row) {
    if (!row || String(getSelection())) return;
    const text = String(this.events[row.n][1]), open = row.getAttribute("aria-expanded") !== "true";
    row.setAttribute("aria-expanded", String(open));
    row.lastChild.firstChild.replaceChildren(...(open ? laidOut(begin(text, OPEN_LINE).replace(/^data: /, "")) : folded(text)));
  }
}

/** One line of an event. What all of a stream's events begin with says nothing. */
function folded(event) {
  const text = String(event), at = text.slice(0, 2 * LINE).indexOf('"choices":');
  return visible(`${at > 0 ? "… " : ""}${begin(text.slice(Math.max(0, at)), LINE)}`.replace(/\s+/g, " "));
}

/** The same request for other tools; the key is never in it. */
export function copies(list) {
  if (!list?.length) return h("p.vi-quiet", {}, "There is nothing to copy: the request was not kept.");
  return h("div.va-copies", {}, ...list.map(({ label, text }) => h("section", { "aria-label": label },
    h("p.va-document-head", {}, h("b", {}, ...visible(label)), copyButton(text, label)),
    h("pre", { tabindex: 0, "aria-label": label }, ...visible(begin(text, LONGEST)).flatMap(unmarked)))));
}
