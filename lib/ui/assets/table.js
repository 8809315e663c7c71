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
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((one) => h("td", {}, ...cell(one)))))))));
  }

  destroy() {}
}

/** A text; of two, the second stands quietly under the first. */
function cell(one) {
  const [text, under] = Array.isArray(one) ? one : [one, ""];
  return [h("bdi", {}, text), under ? h("div.vi-under", {}, h("bdi", {}, under)) : ""];
}
