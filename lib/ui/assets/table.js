// A table of texts that does not tick.

import { h } from "./dom.js";

export class Table {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  update({ header, rows }) {
    this.root.replaceChildren(h("div.vi-scroll", {}, h("table.vi-table", {},
      h("thead", {}, h("tr", {}, ...header.map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))))));
  }

  destroy() {}
}

/** A text, or [text, another that stands quietly under it, what a pointer is told]. */
function cell(one) {
  const [text, under, told] = Array.isArray(one) ? one : [one];
  return h("td", { title: told || null }, h("bdi", {}, text), under ? h("div.vi-under", {}, h("bdi", {}, under)) : null);
}
