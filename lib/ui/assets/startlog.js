// The Start-up log page's own views: its head, the milestones of a start, and lines with what they mean.

import { h, shape } from "./dom.js";
import { sheet } from "./sheet.js";
import { flagged } from "./verdict.js";

sheet("startlog.css", import.meta.url);

/** Title and one sentence. */
export class LogHead {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  update({ title, line }) {
    this.root.replaceChildren(h("header.vi-head", {}, h("div.vi-title", {}, h("h1", {}, title), h("p.vi-line", {}, h("bdi", {}, line)))));
  }

  destroy() {}
}

/** How long each part of a start took: a bar where it lies in the whole. */
export class Milestones {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  update({ rows, label }) {
    const told = JSON.stringify(rows);
    if (told === this.told) return;
    this.told = told;
    this.root.replaceChildren(h("ol.vs-milestones", { "aria-label": label }, ...rows.map(({ name, took, note, start, width }) => h("li", {},
      h("span.vs-name", {}, name),
      h("span.vs-track", { "aria-hidden": "true" }, h("i", { style: `left: ${(100 * start).toFixed(2)}%; width: ${(100 * width).toFixed(2)}%` })),
      h("span.vs-took", {}, took),
      h("span.vs-note", {}, note)))));
  }

  destroy() {}
}

/** Lines of a log, or what stands for them, each with its meaning; a link goes to another tab, for the log stays here. */
export class Said {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  update({ rows, label }) {
    const told = JSON.stringify(rows);
    if (told === this.told) return;
    this.told = told;
    this.root.replaceChildren(h("ol.vs-said", { "aria-label": label }, ...rows.map((row) => line(row))));
  }

  destroy() {}
}

function line({ tone, place, when, title, code, text, remedy, note, href }) {
  if (!place && !title) return pair(code, text, href);
  return h("li", { "data-tone": tone || null, "data-placed": place ? true : null },
    place ? h("span.vs-place", {}, place, when ? h("span.vs-when", {}, when) : null) : null,
    h("div.vs-what", {},
      title ? h("p.vs-title", {}, tone ? h("span.vs-sign", {}, shape(tone === "hint" ? "off" : tone)) : null, h("bdi", {}, title), note ? h("span.vi-quiet", {}, ` ${note}`) : null) : null,
      code ? h("p.vs-code", {}, h("code", {}, h("bdi", {}, code)), !title && note ? h("span.vs-note", {}, note) : null) : null,
      text ? h("p", {}, ...flagged(text)) : null,
      remedy ? h("p.vi-quiet", {}, "What to do: ", ...flagged(remedy)) : null));
}

/** A name with its meaning beside it. */
function pair(code, text, href) {
  return h("li.vs-pair", {},
    h("p.vs-code", {}, h("code", {}, h("bdi", {}, code))),
    h("p", {}, ...flagged(text), href ? h("a.vs-open", { href, target: "_blank", rel: "noopener", title: "Open it in the API Explorer, in another tab" }, "Try it") : null));
}
