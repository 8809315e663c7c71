// The Embeddings page's own views: its head, what the vectors say in a sentence and figures, and ranked texts.

import { tell } from "./address.js";
import { copyButton } from "./copy.js";
import { h, put } from "./dom.js";
import { sheet } from "./sheet.js";

sheet("tokens.css", import.meta.url);
sheet("vectors.css", import.meta.url);

/** Title, whose model it is, and the link to what is on screen. */
export class Vectors {
  constructor(root, page) {
    this.page = page;
    this.line = h("p.vi-line");
    this.whose = h("select.vt-select", { "aria-label": "Server and model" });
    this.whose.onchange = () => page.send("pick", JSON.parse(this.whose.value));
    const linked = copyButton(() => location.href, "link");
    linked.firstChild.append(h("span", {}, "Copy link"));
    linked.firstChild.title = "Copy a link to this server and these settings; texts of yours are never in it";
    root.replaceChildren(h("header.vi-head.vv-head", {},
      h("div.vi-title", {}, h("h1", {}, page.data.title), this.line),
      h("div.vi-controls", {}, this.whose, h("span.vt-share", {}, linked))));
    this.update(page.data);
  }

  update(data) {
    put(this.line, data.line);
    const key = JSON.stringify([data.servers, data.server, data.model]);
    if (key !== this.listed) {
      this.listed = key;
      this.whose.replaceChildren(...data.servers.flatMap(({ name, models }) => (models.length ? models : [""]).map((one) =>
        h("option", { value: JSON.stringify([name, one]), selected: name === data.server && one === (data.model || models[0] || "") }, one ? `${name} · ${one}` : name))));
    }
    tell(data.query);
  }

  destroy() {}
}

/** The answer: one sentence with its tone, the figures behind it, and what is to be known of them. */
export class Summary {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  /** `query` is what the address is to say of it, where it is the page's own. */
  update({ tone, sentence, more, tiles, remarks, query }) {
    if (query) tell(query);
    const told = JSON.stringify([tone, sentence, more, tiles, remarks]);
    if (told === this.told) return;
    this.told = told;
    this.root.replaceChildren(...[
      sentence ? h("section.vi-finding.vv-answer", { "data-tone": tone, "aria-label": "Answer" }, h("h2", {}, h("bdi", {}, sentence)), ...more.map((one) => h("p.vi-quiet", {}, h("bdi", {}, one)))) : null,
      h("dl.vt-tiles", { "aria-label": "Figures" }, ...tiles.map(({ value, label, hint, tone: own }) => h("div", { title: hint, "data-tone": own || null }, h("dd", {}, value), h("dt", {}, label)))),
      remarks.length ? h("ul.vt-remarks", {}, ...remarks.map(({ tone: own, text }) => h("li", { "data-tone": own }, text))) : null,
    ].filter(Boolean));
  }

  destroy() {}
}

/** Texts with their scores, best first: a figure, a bar from the floor to the best, and the texts. */
export class Ranks {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  update({ header, rows, label }) {
    const told = JSON.stringify([header, rows]);
    if (told === this.told) return;
    this.told = told;
    this.root.replaceChildren(h("div.vi-scroll", {}, h("table.vi-table.vv-ranks", { "aria-label": label },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, header[0]), h("th", { "aria-hidden": "true" }), ...header.slice(1).map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, ...rows.map(({ value, share, hint, cells, tag, good }) => h("tr", {},
        h("td.vi-number", { title: hint }, value),
        h("td.vv-bar", { "aria-hidden": "true" }, h("i", { style: `width: ${(100 * share).toFixed(1)}%` })),
        ...cells.map((one) => h("td.vv-text", {}, h("bdi", {}, one))),
        tag === undefined ? null : h("td.vv-tag", {}, h("bdi", { title: tag }, tag), good ? h("span.vi-icon.vv-good", { title: "The same label", role: "img", "aria-label": "the same label" }, "check") : null)))))));
  }

  destroy() {}
}
