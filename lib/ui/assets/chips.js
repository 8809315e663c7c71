// Two views of the same tokens, text and ids, in blocks of which only those near the screen are drawn.

import { h, mark } from "./dom.js";
import { told, visible } from "./signs.js";
import { ADDED, NORMALISED, PREFIX, SPECIAL, TEXT, UNKNOWN } from "./strip.js";

const NEAR = "500px 0px";
const COLOURS = 5;
const KINDS = { [SPECIAL]: "special", [ADDED]: "added", [PREFIX]: "prefix", [UNKNOWN]: "unknown", [NORMALISED]: "normalised" };

/** A pane of blocks. `draw(from, to)` gives a block's nodes, `height(from, to)` how high it will be, in pixels. */
class Pane {
  constructor(spec, attributes, draw, height) {
    this.element = h(spec, attributes);
    this.draw = draw;
    this.height = height;
    this.blocks = [];
    this.watch = new IntersectionObserver((seen) => seen.forEach((one) => this.turn(one.target.block, one.isIntersecting)),
      { root: this.element, rootMargin: NEAR });
  }

  show(starts, length) {
    this.watch.disconnect();
    this.blocks = starts.map((from, n) => {
      const block = { from, to: starts[n + 1] ?? length, element: h("div.vt-block"), full: false };
      block.element.block = block;
      return block;
    });
    const few = this.blocks.length <= 2;
    for (const block of this.blocks) {
      if (few) this.fill(block);
      else block.element.style.minHeight = `${this.height(block.from, block.to)}px`;
    }
    const at = this.element.scrollTop;
    this.element.replaceChildren(...this.blocks.map((block) => block.element));
    this.element.scrollTop = at;
    if (!few) this.blocks.forEach((block) => this.watch.observe(block.element));
  }

  turn(block, near) {
    if (near) this.fill(block);
    else if (block.full) this.empty(block);
  }

  fill(block) {
    if (block.full) return;
    block.full = true;
    block.element.replaceChildren(...this.draw(block.from, block.to));
    block.element.style.minHeight = "";
    this.filled?.(block);
  }

  empty(block) {
    block.element.style.minHeight = `${block.element.offsetHeight}px`;
    block.element.replaceChildren();
    block.full = false;
  }

  /** The element of a token, drawn if need be. */
  find(i, drawn = false) {
    const block = this.blocks.find((one) => i >= one.from && i < one.to);
    if (!block || (!block.full && !drawn)) return null;
    this.fill(block);
    for (const child of block.element.children) if (i >= child.from && i < child.to) return child;
    return null;
  }

  /** Bring a token into view inside the pane; the page itself stays where it is. */
  reveal(i) {
    const found = this.find(i, true);
    if (!found) return;
    const box = this.element.getBoundingClientRect(), one = found.getBoundingClientRect();
    if (one.top < box.top || one.bottom > box.bottom) this.element.scrollTop += one.top - box.top - box.height / 3;
  }

  destroy() { this.watch.disconnect(); }
}

export class Chips {
  /** `look` has signs and colour; `acts` has over(i, element), out() and pin(i). */
  constructor(look, acts) {
    this.look = look;
    this.acts = acts;
    this.text = new Pane("div.vt-chips", { role: "group", "aria-label": "Tokens", tabindex: 0, dir: "ltr" },
      (from, to) => this.chips(from, to), (from, to) => this.guess(from, to));
    this.ids = new Pane("div.vt-ids", { role: "group", "aria-label": "Token ids" },
      (from, to) => this.numbers(from, to), (from, to) => 22 * Math.ceil((to - from) * 52 / Math.max(300, this.ids.element.clientWidth)));
    for (const pane of [this.text, this.ids]) this.listen(pane);
    this.text.filled = this.ids.filled = () => this.light();
    this.lit = this.pinned = null;
  }

  listen(pane) {
    const token = (event) => {
      const tick = event.target.closest("[data-tick]");
      const chip = event.target.closest("[data-chip]");
      return tick ? tick.from : chip ? chip.from : null;
    };
    pane.element.onpointerover = (event) => {
      const i = token(event);
      if (i === null) this.acts.out(); else this.acts.over(i, event.target.closest("[data-chip]"), event.target.closest("[data-tick]") !== null || pane === this.ids);
    };
    pane.element.onpointerleave = () => this.acts.out();
    pane.element.onclick = (event) => {
      const i = token(event);
      if (i !== null && !String(getSelection())) this.acts.pin(i, pane === this.text ? this.ids : this.text);
    };
  }

  show(strip, look) {
    this.strip = strip;
    this.look = look;
    this.last = 0;
    const starts = strip.length || strip.text ? strip.blocks() : [];
    this.text.show(starts, strip.length);
    this.ids.show(strip.length ? starts : [], strip.length);
  }

  /** The unit that a token is drawn in. */
  unit(i) {
    const found = this.text.find(i, true);
    return found ? [found.from, found.to] : [i, i + 1];
  }

  guess(from, to) {
    const { strip } = this;
    const first = Math.max(0, strip.starts[from]), last = Math.max(first, strip.ends[to - 1]);
    const part = strip.text.slice(first, last);
    const lines = part.split("\n").length - 1;
    const wide = /[^\x00-\u04ff]/.test(part) ? 15 : 9;
    return 36 * Math.max(1, Math.ceil(part.length * wide / Math.max(300, this.text.element.clientWidth)) + lines / 2);
  }

  chips(from, to) {
    const { strip, look } = this;
    if (!strip.placed) return this.loose(from, to);
    const nodes = [];
    let at = this.before(from);
    for (const [i, j] of strip.units(from, to, !look.signs)) {
      const start = strip.starts[i], end = Math.max(...strip.ends.slice(i, j));
      if (start > at) nodes.push(this.gap(at, start));
      nodes.push(this.chip(i, j));
      // The break itself stands outside, or the chip would begin the next line.
      if (strip.starts[i] >= 0 && end > start && strip.text[end - 1] === "\n") nodes.push("\n");
      at = Math.max(at, end);
    }
    if (to === strip.length && at < strip.text.length) nodes.push(this.gap(at, strip.text.length));
    return nodes;
  }

  /** How far the tokens before one reach in the text. */
  before(i) {
    for (let k = i - 1; k >= 0; k--) if (this.strip.ends[k] >= 0) return this.strip.ends[k];
    return 0;
  }

  gap(from, to) { return h("span.vt-gap", { title: "No token stands for this" }, ...visible(this.strip.text.slice(from, to), this.look.signs)); }

  /** The row of a text whose tokens have no place in it. */
  loose(from, to) {
    const nodes = [];
    for (let i = from; i < to; i++) nodes.push(this.made(h("span.vt-chip", { "data-chip": "", "data-kind": KINDS[this.strip.kinds[i]] ?? "loose" }, told(this.strip.piece(i)) || `${this.strip.ids[i]}`), i, i + 1));
    return nodes;
  }

  chip(i, j) {
    const { strip, look } = this;
    const kind = strip.kinds[i], text = strip.slice(i, j);
    const many = j - i > 1;
    const attributes = { "data-edge": look.block && i > 0 && (i % look.block === 0 || Math.floor(i / look.block) !== Math.floor((j - 1) / look.block)) ? "" : null, "data-chip": "", "data-kind": KINDS[kind] ?? null, "data-colour": many ? null : this.colour(i), "data-owner": strip.owners ? strip.owners[i] : null };
    if (kind === PREFIX && !text) return this.made(h("span.vt-chip", attributes, "\u2009"), i, j);
    if (strip.starts[i] < 0 || (!text && kind !== TEXT)) {
      if (strip.starts[i] < 0 && kind === TEXT) attributes["data-kind"] = "loose";
      return this.made(h("span.vt-chip", attributes, ...visible(told(strip.piece(i)) || `id ${strip.ids[i]}`)), i, j);
    }
    if (many && strip.kinds.subarray(i, j).some((one) => one === NORMALISED)) attributes["data-kind"] = "normalised";
    const shown = visible(text, look.signs);
    if (shown.at(-1) === "\n") shown.pop();
    const chip = this.made(h("span.vt-chip", attributes, h("bdi", {}, ...shown)), i, j);
    if (many) chip.append(this.ticks(i, j));
    return chip;
  }

  made(element, from, to) { element.from = from; element.to = to; return element; }

  ticks(i, j) {
    const row = h("span.vt-ticks", { "aria-hidden": "true" });
    for (let k = i; k < j; k++) row.append(this.made(h("i", { "data-tick": "", "data-colour": this.colour(k) }), k, k + 1));
    return row;
  }

  colour(i) {
    if (this.look.colour === "id") return (Math.imul(this.strip.ids[i] + 1, 2654435761) >>> 8) % COLOURS;
    return i % COLOURS;
  }

  numbers(from, to) {
    const nodes = [];
    for (let i = from; i < to; i++) {
      const node = this.made(h("span.vt-id", { "data-chip": "", "data-kind": KINDS[this.strip.kinds[i]] ?? null }, `${this.strip.ids[i]}`), i, i + 1);
      nodes.push(node, " ");
    }
    return nodes;
  }

  // ── What is under the pointer, and what is pinned ──

  hover(range) { this.lit = range; this.light(); }

  pin(range) { this.pinned = range; this.light(); }

  light() {
    this.on?.forEach((element) => { mark(element, "data-lit", null); mark(element, "data-pinned", null); });
    this.on = [];
    for (const [name, range] of [["data-pinned", this.pinned], ["data-lit", this.lit]]) {
      if (!range) continue;
      for (let i = range[0]; i < Math.min(range[1], range[0] + 64); i++) {
        const chip = this.text.find(i);
        const tick = range[1] - range[0] === 1 && chip ? [...chip.querySelectorAll("[data-tick]")].find((one) => one.from === i) : null;
        for (const element of [chip, tick, this.ids.find(i)]) if (element) { mark(element, name, ""); this.on.push(element); }
      }
    }
  }

  destroy() { this.text.destroy(); this.ids.destroy(); }
}
