// The API Explorer's own views: the routes of a server, what one answered, what was sent before, and what is exposed.

import { tell } from "./address.js";
import { h, mark, place, put, state } from "./dom.js";
import { clock } from "./figures.js";
import { documentOf } from "./raw.js";
import { sheet } from "./sheet.js";
import { treeOf } from "./tree.js";

sheet("tokens.css", import.meta.url);
sheet("answer.css", import.meta.url);
sheet("explorer.css", import.meta.url);

const SHOWN = [["all", "All"], ["here", "Here"], ["absent", "Not here"]];
const COLUMNS = [["route", "Route"], ["what", "What it gives"], ["since", "Since"], ["key", "Key"], ["cost", "Costs"]];
/** What is filtered for, wherever the list stands: an open route moves it, and the page has a new one then. */
let sought = null;
const icon = (name, title) => h("span.vi-icon", { title, role: "img", "aria-label": title }, name);

const SETTLED = 250;  // ms until words in a new place are read out: those that came with it are not

/** A path that breaks after its slashes, where it must. */
const path = (text) => h("bdi.vx-path", {}, ...text.split(/(?<=[/_])/).flatMap((part, n) => (n ? [h("wbr"), part] : [part])));

/** All routes in their groups; a click opens one. What is typed into the filter hides the others at once. */
export class Routes {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.input = h("input.vx-filter", { type: "search", placeholder: "Filter: path, word, flag", "aria-label": "Filter the routes", oninput: () => this.sift() });
    sought ??= { filter: page.data.filter, which: page.data.which };
    this.input.value = sought.filter;
    this.which = sought.which;
    this.buttons = SHOWN.map(([key, label]) => h("button", { type: "button", onclick: () => { this.which = key; this.sift(); } }, label, h("span.va-number")));
    this.none = h("p.vi-quiet.vx-none", { role: "status", hidden: true }, "No route has that in its path, sentence or flag.");
    this.list = h("div.vx-list");
    root.replaceChildren(h("div.vx-bar", {}, this.input, h("div.vi-segments", { role: "group", "aria-label": "Which routes" }, ...this.buttons)), this.list, this.none);
    this.update(page.data);
  }

  update(data) {
    this.page.data = data;
    const told = JSON.stringify(data.groups);
    mark(this.root, "data-beside", data.selected ? "" : null);
    if (told !== this.told) {
      this.told = told;
      this.rows = [];
      this.list.replaceChildren(...data.groups.map((group) => this.group(group)));
      this.buttons.forEach((button, n) => put(button.lastChild, `${this.rows.filter(({ row }) => isShown(row, SHOWN[n][0])).length}`));
      this.sift();
    }
    for (const { row, element } of this.rows) mark(element, "aria-current", row.key === data.selected ? "true" : null);
    const current = this.rows.find(({ row }) => row.key === data.selected);
    if (current && data.selected !== this.seen) requestAnimationFrame(() => this.reveal(current.element));
    this.seen = data.selected;
  }

  /** Into sight within the list itself; the page stays where it is. */
  reveal(element) {
    const box = this.list.getBoundingClientRect(), own = element.getBoundingClientRect();
    if (this.list.scrollHeight <= this.list.clientHeight) return;
    if (own.top < box.top || own.bottom > box.bottom) this.list.scrollTop += own.top - box.top - box.height / 3;
  }

  group({ name, rows }) {
    const made = rows.map((row) => ({ row, element: this.row(row) }));
    this.rows.push(...made);
    const body = h("tbody", {}, ...made.map(({ element }) => element));
    return h("table.vi-table.vx-routes", {}, h("caption.vx-group", {}, name), h("colgroup", {}, ...COLUMNS.map(([one]) => h(`col.vx-col-${one}`))), h("thead", {}, h("tr", {}, ...COLUMNS.map(([one, label]) => h(`th.vx-${one}`, { scope: "col" }, label)))), body);
  }

  row(row) {
    const opens = () => this.page.send("open", row.key);
    const open = h("button.vx-open", { type: "button", onclick: (event) => { event.stopPropagation(); opens(); } }, h("span.vx-method", {}, row.method), path(row.path));
    const key = row.guarded === null ? null : row.guarded ? icon("key", "Its key guards it, if it has one") : icon("lock_open", "It answers without a key");
    const absent = row.state === "absent" ? h("span.vx-absent", {}, "not here") : null;
    const note = [row.needs, row.reason, row.others].filter(Boolean).join(" · ");
    const element = h("tr", { "data-state": row.state, "data-route": row.key }, h("th", { scope: "row" }, open),
      h("td.vx-what", {}, h("span", {}, row.what), absent || note ? h("span.vx-note", {}, absent, note ? h("bdi", {}, note) : null) : null),
      h("td.vx-since", {}, row.since), h("td.vx-key", {}, row.state === "locked" ? icon("lock", row.reason) : key), h("td.vx-cost", { "data-cost": row.cost }, row.cost));
    element.onclick = () => { if (!String(getSelection())) opens(); };  // who selects its text does not want it opened
    return element;
  }

  sift() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.buttons.forEach((button, n) => mark(button, "aria-pressed", String(SHOWN[n][0] === this.which)));
    let shown = 0;
    for (const { row, element } of this.rows) {
      const text = `${row.key} ${row.what} ${row.needs} ${row.group} ${row.cost}`.toLowerCase();
      element.hidden = !isShown(row, this.which) || !words.every((word) => text.includes(word));
      shown += !element.hidden;
    }
    let heads = "";  // the first table that is seen has them for all
    for (const table of this.list.children) {
      table.hidden = !table.querySelector("tr[data-route]:not([hidden])");
      table.tHead.className = heads;
      if (!table.hidden) heads = "vi-hidden";
    }
    this.none.hidden = shown > 0;
    sought = { filter: this.input.value, which: this.which };
    tell({ filter: this.input.value || null, show: this.which === "all" ? null : this.which });
  }

  destroy() {}
}

const isShown = (row, which) => which === "all" || (row.state === "absent") === (which === "absent");

/** What a route answered: status, time, size, read out when it comes; the body as a tree and as text; the headers. */
export class Tried {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.latest = "tree";
    this.said = h("div", { role: "status" });
    this.rest = h("div");
    this.update(page.data);
    root.replaceChildren(h("section.vx-tried", { "aria-label": "Answer" }, this.said, this.rest));
    this.telling = setTimeout(() => this.say(), SETTLED);
  }

  update(data) {
    const told = `${data.id} ${data.remark}`;
    if (told === this.told) return;
    this.told = told;
    this.data = data;
    this.tabs = new Map(this.parts().map(([key, label, draw]) => [key, { draw, button: h("button", { type: "button", role: "tab", onclick: () => this.turn(key) }, label) }]));
    this.panel = h("div", { role: "tabpanel" });
    this.say();
    this.rest.replaceChildren(...[
      this.tabs.size ? h("div.va-tabs", { role: "tablist", "aria-label": "What of this answer", onkeydown: (event) => this.key(event) }, ...[...this.tabs.values()].map(({ button }) => button)) : null,
      this.panel].filter(Boolean));
    if (this.tabs.size) this.turn(this.tabs.has(this.latest) ? this.latest : [...this.tabs.keys()][0]);
  }

  say() {
    const { tone, words, seconds, size, at, route, remark } = this.data;
    const facts = [seconds, size, at && `at ${clock(at)}`].filter(Boolean).join(" · ");
    const line = h("p.vx-answer", {}, h("b", {}, state(tone, words)), h("span.vi-quiet", {}, facts), h("code", {}, h("bdi", {}, route)));
    this.said.replaceChildren(line, ...(remark ? [h("p.vx-remark", {}, h("bdi", {}, remark))] : []));
  }

  parts() {
    const { body, headers, sent } = this.data;
    const tree = body ? treeOf(body) : null;
    const found = tree ? [["tree", "Tree", () => tree]] : [];
    if (body !== null) found.push(["text", "Text", () => (body ? documentOf(body, "body") : h("p.vi-quiet", {}, "The body is empty."))]);
    if (headers.length) found.push(["headers", "Headers", () => h("dl.vx-headers", {}, ...headers.flatMap(([name, value]) => [h("dt", {}, h("bdi", {}, name)), h("dd", {}, h("bdi", {}, value))]))]);
    if (sent) found.push(["sent", "Sent", () => documentOf(sent, "request")]);
    return found;
  }

  turn(key) {
    this.latest = key;
    for (const [name, { button }] of this.tabs) {
      mark(button, "aria-selected", String(name === key));
      mark(button, "tabindex", name === key ? "0" : "-1");
    }
    this.panel.replaceChildren(this.tabs.get(key).draw());
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const keys = [...this.tabs.keys()];
    this.turn(keys[(keys.indexOf(this.latest) + step + keys.length) % keys.length]);
    this.tabs.get(this.latest).button.focus();
  }

  destroy() { clearTimeout(this.telling); }
}

/** What was sent in this tab, newest first: to look at again, and to send again. */
export class Sendings {
  constructor(root, page) {
    this.page = page;
    this.sent = new Map();
    this.body = h("tbody");
    root.replaceChildren(h("div.vi-scroll", {}, h("table.vi-table.vx-history", { "aria-label": "Sent in this tab" },
      h("thead", {}, h("tr", {}, ...["At", "Route", "Server", "Status", "Took", ""].map((one) => h("th", { scope: "col" }, one)))),
      this.body)));
    this.update(page.data);
  }

  update({ rows, shown }) {
    const before = this.sent;
    this.sent = new Map(rows.map((row) => [row.id, before.get(row.id) ?? new Sent(row.id, this.page)]));
    for (const row of rows) this.sent.get(row.id).update(row, row.id === shown);
    place(this.body, [...this.sent.values()].map(({ element }) => element));
  }

  destroy() {}
}

/** A line of the history. Its buttons stay the same, whatever comes: a press on them is not lost. */
class Sent {
  constructor(id, page) {
    [this.at, this.state, this.next] = [h("td"), h("td"), h("td")];
    [this.route, this.server, this.took] = [h("bdi"), h("bdi"), h("td.vi-number")];
    this.again = h("button.vx-again", { type: "button", onclick: () => page.send("again", [id, Date.now()]) }, h("span.vi-icon", { "aria-hidden": "true" }, "replay"), "Send again");
    this.barred = h("span.vi-quiet");
    this.element = h("tr", {}, this.at,
      h("td", {}, h("button.vx-open", { type: "button", title: "Show this answer, and put what was sent into the form", onclick: () => page.send("show", id) }, this.route)),
      h("td", {}, this.server), this.state, this.took, this.next);
  }

  update(row, isShown) {
    const told = JSON.stringify([row, isShown]);
    if (told === this.told) return;
    this.told = told;
    if (isShown) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
    this.at.textContent = row.at ? clock(row.at) : "";
    [this.route.textContent, this.server.textContent, this.took.textContent] = [row.route, row.server, row.seconds];
    this.state.replaceChildren(state(row.tone, row.words));
    [this.again.title, this.barred.textContent] = [row.again, row.barred];
    place(this.next, [row.again ? this.again : this.barred]);
  }
}

/** What answers without a key: a line for each route, worst first; advice that several share stands once. */
export class Exposure {
  constructor(root, page) {
    this.root = root;
    this.update(page.data);
  }

  advice(rows, n) {
    const { advice } = rows[n];
    if (advice === rows[n - 1]?.advice) return null;
    const other = rows.findIndex((row, m) => m > n && row.advice !== advice);
    return h("td.vx-what", { rowspan: `${(other < 0 ? rows.length : other) - n}` }, h("bdi", {}, advice));
  }

  update({ rows }) {
    const told = JSON.stringify(rows);
    if (told === this.told) return;
    this.told = told;
    this.root.replaceChildren(h("div.vi-scroll", {}, h("table.vi-table.vx-exposure", { "aria-label": "What answers without a key" },
      h("thead", {}, h("tr", {}, ...["Route", "Without a key", "At risk", "Advice"].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, ...rows.map((row, n) => h("tr", {},
        h("th", { scope: "row" }, h("span.vx-method", {}, row.method), " ", path(row.path)),
        h("td", {}, state(row.tone, row.verdict)), h("td", {}, row.risk), this.advice(rows, n)))))));
  }

  destroy() {}
}
