// Lists of names and values that do not tick: the running configuration, statistics, traces, capabilities.

import { h } from "./dom.js";

export class Facts {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  update({ sections }) {
    const key = JSON.stringify(sections);
    if (key === this.shown) return;
    this.shown = key;
    const open = new Set([...this.root.querySelectorAll("details[open]")].map((details) => details.dataset.title));
    this.root.replaceChildren(...sections.map((section) => this.section(section, open)));
  }

  section({ title, note, rows, code, wide }, open) {
    const body = [
      note ? h("p.vi-quiet", {}, note) : null,
      rows.length ? h(wide ? "dl.vi-rows.vi-wide" : "dl.vi-rows", {}, ...rows.map(([name, value, why]) => h("div", {},
        h("dt", {}, name), h("dd", { title: why ?? null }, value)))) : null,
      code ? h("pre", { tabindex: 0 }, code) : null,
    ].filter(Boolean);
    const summary = h("summary", {}, h("h2", {}, title));
    return h("details.vi-facts", { "data-title": title, open: open.has(title) || !this.shownOnce(title) }, summary, ...body);
  }

  shownOnce(title) {
    this.titles ??= new Set();
    const was = this.titles.has(title);
    this.titles.add(title);
    return was;
  }

  destroy() {}
}
