// Two texts as their tokens, side by side: the same id has the same colour in both, and what a model never read is struck out.

import { Chips } from "./chips.js";
import { Detail } from "./detail.js";
import { h, mark } from "./dom.js";
import { sheet } from "./sheet.js";
import { Strip } from "./strip.js";

sheet("tokens.css", import.meta.url);
sheet("alike.css", import.meta.url);

const COLOURS = 5;

class Shared extends Chips {
  colour(i) { return this.hues.get(this.strip.ids[i]) ?? null; }

  made(element, from, to) {
    const [first, last] = this.skipped;
    mark(element, "data-unread", from >= first && from < last ? "" : null);
    return super.made(element, from, to);
  }
}

class Side {
  constructor(root, over) {
    this.root = root;
    this.over = over;
    this.detail = new Detail(() => this.pin(null));
    this.chips = new Shared({ signs: true, colour: "id" }, { over: (i, chip, single) => this.point(i, chip, single), out: () => this.out(), pin: (i) => this.pin(i) });
    this.head = h("p.va-title");
    this.under = h("p.vi-quiet.va-under");
    this.element = h("section.va-side", {}, this.head, this.chips.text.element, this.chips.ids.element, this.under, this.detail.element, this.detail.tip);
  }

  show(side, hues) {
    this.head.replaceChildren(h("b", {}, h("bdi", {}, side.title)));
    this.under.textContent = side.words;
    this.chips.hues = hues;
    this.chips.skipped = side.unread;
    this.strip = new Strip(side.tokens);
    this.detail.read(this.strip);
    this.chips.show(this.strip, { signs: true, colour: "id" });
    mark(this.chips.text.element, "data-unplaced", this.strip.placed ? null : "");
    this.pin(null);
    this.out();
  }

  point(i, chip, single) {
    const range = single ? [i, i + 1] : this.chips.unit(i);
    this.chips.hover(range);
    this.detail.point(range, chip, this.element);
    this.over(this.strip.ids[i]);
  }

  out() {
    this.chips.hover(null);
    this.detail.point(null);
    this.over(null);
  }

  /** Show where the other text has the id that is pointed at here. */
  answer(id) {
    const i = id === null || !this.strip ? -1 : this.strip.ids.indexOf(id);
    this.chips.hover(i < 0 ? null : [i, i + 1]);
  }

  pin(i) {
    const range = i === null || (this.chips.pinned && this.chips.pinned[0] <= i && i < this.chips.pinned[1]) ? null : this.chips.unit(i);
    this.chips.pin(range);
    this.detail.show(range);
  }
}

export class Alike {
  constructor(root, page) {
    this.remarks = h("ul.vt-remarks");
    this.sides = [0, 1].map((n) => new Side(root, (id) => this.sides?.[1 - n].answer(id)));
    this.legend = h("p.vt-legend.va-legend", {},
      h("span", {}, h("span.vt-chip", { "data-colour": 0, "aria-hidden": "true" }, "ab"), "in both texts"),
      h("span", {}, h("span.vt-chip", { "aria-hidden": "true" }, "ab"), "in this one only"));
    this.unread = h("span", {}, h("span.vt-chip", { "data-unread": "", "aria-hidden": "true" }, "ab"), "never read by the model");
    root.replaceChildren(this.remarks, this.legend, h("div.va-sides", {}, ...this.sides.map((side) => side.element)));
    this.update(page.data);
  }

  update(data) {
    const told = JSON.stringify([data.remarks, data.shared, data.sides.map((side) => [side.title, side.words, side.unread, side.tokens.key])]);
    if (told === this.told) return;
    this.told = told;
    this.remarks.replaceChildren(...data.remarks.map(({ tone, text }) => h("li", { "data-tone": tone }, text)));
    const hues = new Map(data.shared.map((id, n) => [id, n % COLOURS]));
    data.sides.forEach((side, n) => this.sides[n].show(side, hues));
    if (data.sides.some(({ unread: [first, last] }) => last > first)) this.legend.append(this.unread);
    else this.unread.remove();
  }

  destroy() { for (const side of this.sides) side.chips.destroy(); }
}
