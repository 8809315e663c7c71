// Lists of names and values that do not tick: the running configuration, statistics, traces, capabilities.

import { h } from "./dom.js";

export class Facts {
  constructor(root, page) {
    this.root = root;
    this.open = new Map();
    this.update(page.data);
  }

  update({ sections }) {
    const key = JSON.stringify(sections);
    if (key === this.shown) return;
    this.shown = key;
    for (const details of this.root.querySelectorAll("details")) this.open.set(details.dataset.title, details.open);
    this.root.replaceChildren(...sections.map((section) => this.section(section)));
  }

  section({ title, note, rows, code, wide, open }) {
    const list = rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
    return h("details.vi-facts", { "data-title": title, open: this.open.get(title) ?? open },
      h("summary", {}, h("h2", {}, title), note && rows.length ? h("span.vi-quiet", {}, ` ${note}`) : null),
      note && !rows.length ? h("p.vi-quiet", {}, note) : null,
      rows.length ? h(wide ? "dl.vi-rows.vi-wide" : "dl.vi-rows", {}, ...list) : null,
      code ? h("pre", { tabindex: 0 }, code) : null);
  }

  destroy() {}
}
