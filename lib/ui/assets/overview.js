// Overview: one row per server, worst first. Cells change where their text changed; a row is a real link.

import { h, mark, place, put, state } from "./dom.js";
import { ABSENT, clock, span } from "./figures.js";
import { age, lasting } from "./verdict.js";
import { LiveView } from "./view.js";

const COLUMNS = [
  ["running", "Running"],
  ["waiting", "Waiting"],
  ["blocks", "KV blocks used"],
  ["tokens", "Tokens / s"],
  ["ttft", "TTFT p95"],
  ["itl", "ITL p95"],
];
const MANY = 12;
const WIDTH = 108, HEIGHT = 26;

export class Overview extends LiveView {
  constructor(root, page) {
    super(root, page);
    this.rows = new Map();
    this.heads = new Map(COLUMNS.map(([key, label]) => [key, h(`th.vi-number.vi-${key}`, { scope: "col" }, label)]));
    this.sparkHead = h("th.vi-spark", { scope: "col" }, "Last 30 m");
    this.body = h("tbody", {}, ...Array.from({ length: page.data.expected }, () => h("tr", {}, h("td", { colspan: 10 }, h("div.vi-skeleton.vi-thin")))));
    this.table = h("table.vi-fleet", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Server"), h("th", { scope: "col" }, "State"),
        ...this.heads.values(),
        this.sparkHead, h("th.vi-number.vi-age", { scope: "col", title: "How old the newest reading is" }, "Age"))),
      this.body);
    this.none = h("tr", {}, h("td.vi-quiet", { colspan: 10 }, "No servers yet. Name them in VLLM_SERVERS, or add one of this machine below."));
    this.order = [];
    this.foot = h("p.vi-foot");
    root.replaceChildren(this.head.element, this.head.banner, h("div.vi-scroll", {}, this.table), this.foot);
    this.begin();
  }

  aim() {
    for (const row of this.rows.values()) this.link(row);
    super.aim();
  }

  whole(frame) {
    this.bins = frame.bins;
    this.sparkWords = frame.words;
    put(this.sparkHead, `Last ${frame.label}`);
    put(this.foot, frame.foot);
    for (const [key, how] of Object.entries(frame.columns)) mark(this.heads.get(key), "title", how);
    const known = new Set(frame.rows.map((row) => row.name));
    for (const name of this.rows.keys()) if (!known.has(name)) this.rows.delete(name);
    this.step(frame);
  }

  step(news) {
    for (const row of news.rows) this.take(row);
    if (news.line) put(this.head.line, news.line);
    if (news.order) this.order = news.order;
    this.arrange();
    this.read(news, news.now, 1);
  }

  /** Not under a pressed pointer: the click would be lost. The next tick finds it released. */
  arrange() {
    if (this.body.matches(":active")) return;
    mark(this.table, "data-dense", this.order.length > MANY ? "true" : null);
    place(this.body, this.order.length ? this.order.map((name) => this.rows.get(name).element) : [this.none]);
  }

  /** A row, or what changed in it. */
  take(news) {
    let row = this.rows.get(news.name);
    if (!row) { row = this.row(news); this.rows.set(news.name, row); }
    row.at = news.at ?? row.at;
    if (news.state) {
      row.state.replaceChildren(state(news.state.tone, news.state.words, news.state.text), lasting(news.state) ?? "");
      row.tone = news.state.tone;
      mark(row.element, "data-tone", row.tone);
      if (row.spark) this.draw(row);
    }
    if (news.sub !== undefined) put(row.sub, news.sub);
    for (const [key, [text, how, tone]] of Object.entries(news.cells ?? {})) {
      const cell = row.cells[key];
      put(cell, text);
      mark(cell, "title", how);
      mark(cell, "data-tone", tone);
    }
    if (news.spark) { row.spark = news.spark; this.draw(row); }
    if (news.bin !== undefined && row.spark) {
      row.spark.values.push(...news.bin);
      row.spark.values.splice(0, row.spark.values.length - this.bins);
      this.draw(row);
    }
  }

  row(news) {
    const name = h("a", {}, news.name);
    const sub = h("span.vi-sub", {}, news.sub ?? "");
    const cells = Object.fromEntries(COLUMNS.map(([key, label]) => [key, h(`td.vi-number.vi-${key}`, { "data-label": label }, ABSENT)]));
    const stateCell = h("td.vi-state-cell");
    const sparkCell = h("td.vi-spark");
    const age = h("td.vi-number.vi-age", { "data-label": "Age" }, ABSENT);
    const element = h("tr", { "data-server": news.name },
      h("th", { scope: "row" }, h("span.vi-name", {}, name, news.simulated ? h("span.vi-demo", { title: "A simulated server that came with the dashboard" }, "demo · simulated") : null), sub),
      stateCell, ...Object.values(cells), sparkCell, age);
    const row = { name: news.name, link: name, sub, cells, state: stateCell, sparkCell, age, element };
    this.link(row);
    element.onclick = (event) => { if (!event.target.closest("a") && !getSelection().toString()) this.open(row, event); };
    name.onclick = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.open(row, event);
    };
    return row;
  }

  link(row) {
    mark(row.link, "href", `${this.data.target}?server=${encodeURIComponent(row.name)}&window=${this.window}`);
  }

  open(row, event) {
    if (event.metaKey || event.ctrlKey) { window.open(row.link.href, "_blank", "noopener"); return; }
    this.page.send("open", row.name);
  }

  /** A word-sized curve: gaps stay gaps, the scale begins at 0. */
  draw(row) {
    const { values, top, how } = row.spark;
    const highest = top ?? Math.max(1e-9, ...values.filter((value) => value !== null));
    const step = WIDTH / Math.max(1, this.bins - 1);
    const offset = this.bins - values.length;
    let path = "", open = false;
    values.forEach((value, index) => {
      if (value === null) { open = false; return; }
      const x = ((index + offset) * step).toFixed(1), y = (HEIGHT - 2 - (Math.min(value / highest, 1)) * (HEIGHT - 4)).toFixed(1);
      const alone = !open && (values[index + 1] ?? null) === null;
      path += `${open ? "L" : "M"}${x} ${y}` + (alone ? "h0.01" : "");
      open = true;
    });
    if (!row.line) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
      svg.setAttribute("width", WIDTH);
      svg.setAttribute("height", HEIGHT);
      svg.setAttribute("role", "img");
      row.line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      svg.append(row.line);
      row.sparkCell.replaceChildren(svg);
    }
    row.line.setAttribute("d", path);
    mark(row.sparkCell, "title", how);
    mark(row.sparkCell.firstChild, "aria-label", how);
  }

  grow() {
    this.head.age();
    if (this.head.paused) return;
    const now = this.stream.now;
    age(this.body, now);
    for (const row of this.rows.values()) {
      const age = row.at ? now - row.at : null;
      put(row.age, age === null ? ABSENT : span(age));
      mark(row.age, "title", row.at ? `newest reading ${clock(row.at + this.stream.skew)}` : "no reading yet");
      mark(row.element, "data-stale", age !== null && age > 3 ? "true" : null);
    }
  }
}
