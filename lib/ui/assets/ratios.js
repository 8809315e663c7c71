// Under the tokens: how well the chosen servers compress, where the typed text spends its tokens, and where servers differ.

import { tell } from "./address.js";
import { h, put, state } from "./dom.js";
import { visible } from "./signs.js";

const AGAIN_MS = 700;
const two = (value) => (value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(2));
const whole = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US").replaceAll(",", "\u202f"));

export class Ratios {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.measure = new URL(location.href).searchParams.get("per") === "bytes" ? "bytes" : "characters";
    this.measures = new Map([["characters", "Characters"], ["bytes", "Bytes"]].map(([key, label]) =>
      [key, h("button", { type: "button", onclick: () => this.turn(key) }, label)]));
    this.adding = h("select.vt-select", { "aria-label": "Compare with" });
    this.adding.onchange = () => this.add(this.adding.value);
    this.key = h("p.vt-key");
    this.chart = h("div.vt-bars", { role: "table", "aria-label": "Compression" });
    this.foot = h("p.vi-foot");
    this.spent = h("section.vt-spent", { "aria-label": "Where the tokens go", hidden: true });
    this.compared = h("section.vt-compared", { "aria-label": "Comparison", hidden: true });
    root.replaceChildren(
      h("section.vt-ratios", { "aria-label": "Compression" },
        h("div.vi-section-head", {}, h("h2", {}, "Compression"),
          h("div.vi-segments", { role: "group", "aria-label": "Per token" }, ...this.measures.values()), h("span.vi-quiet", {}, "per token"), this.adding, this.key),
        this.chart, this.foot), this.compared, this.spent);
    this.update(page.data);
  }

  update(data) {
    this.data = data;
    clearTimeout(this.timer);
    if (data.waiting) this.timer = setTimeout(() => this.page.send("again", Date.now()), AGAIN_MS);
    this.draw();
    tell({ compare: data.servers.slice(1).map(({ server, model }) => (model ? `${server}~${model}` : server)).join(",") || null });
  }

  turn(key) {
    this.measure = key;
    tell({ per: key === "bytes" ? "bytes" : null });
    this.draw();
  }

  add(value) {
    if (value) this.page.send("compare", [...this.data.servers.slice(1).map(({ server, model }) => [server, model]), JSON.parse(value)]);
  }

  leave(n) { this.page.send("compare", this.data.servers.slice(1).filter((_, index) => index !== n - 1).map(({ server, model }) => [server, model])); }

  draw() {
    const { data } = this;
    for (const [key, button] of this.measures) button.setAttribute("aria-pressed", String(key === this.measure));
    const key = JSON.stringify([data, this.measure]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.key.replaceChildren(...data.servers.map(({ title }, n) => h("span", {}, h("i", { style: `background: var(--vi-s${n})` }), title,
      n ? h("button.vt-close", { type: "button", title: "Compare no longer", "aria-label": `Leave ${title} out`, onclick: () => this.leave(n) }, h("span.vi-icon", { "aria-hidden": "true" }, "close")) : null)));
    const free = data.choices.filter(([server, model]) => !data.servers.some((one) => one.server === server && one.model === model));
    this.adding.replaceChildren(h("option", { value: "" }, "Compare with …"), ...free.map((one) => h("option", { value: JSON.stringify(one) }, one.filter(Boolean).join(" · "))));
    this.adding.hidden = !free.length || data.servers.length >= data.most;
    this.bars();
    this.spend();
    this.compare();
  }

  // ── Bars, with published values as marks on the same scale ──

  bars() {
    const { rows } = this.data, per = this.measure;
    const rate = (row, n) => (row.counts[n] ? row[per] / row.counts[n] : null);
    const marks = (row) => (per === "characters" ? row.published : []);
    const top = Math.max(1, ...rows.flatMap((row) => [...row.counts.map((_, n) => rate(row, n) ?? 0), ...marks(row).map(({ value }) => value)])) * 1.08;
    this.chart.replaceChildren(...rows.map((row) => h("div.vt-bar-row", { role: "row" },
      h("span.vt-bar-name", { role: "rowheader", title: row.sample }, row.name),
      h("div.vt-bar-plot", { role: "cell" },
        ...row.counts.map((count, n) => {
          const value = rate(row, n);
          if (value === null) return h("div.vt-one", { title: row.troubles[n] || null }, h("span.vi-quiet", {}, row.troubles[n] || (count === 0 ? "no tokens" : "asking …")));
          return h("div.vt-one", { title: `${this.data.servers[n].title}: ${whole(row[per])} ${per} in ${whole(count)} tokens` },
            h("i", { style: `width: ${(100 * value / top).toFixed(2)}%; background: var(--vi-s${n})` }), h("span", {}, two(value)));
        }),
        marks(row).length ? h("div.vt-marks", {}, ...marks(row).map(({ name, value, source }) =>
          h("b", { style: `left: ${(100 * value / top).toFixed(2)}%`, title: `${name}: ${two(value)} characters per token of ${row.language}, ${source}` }))) : null))));
    const named = rows.filter((row) => marks(row).length);
    const languages = [...new Set(named.map((row) => row.language))];
    const told = languages.map((one) => `${one}: ${named.find((row) => row.language === one).published.map(({ name, value }) => `${name.replace(/ \(.*/, "")} ${two(value)}`).join(", ")}.`);
    put(this.foot, `Tokens that a server adds are left out.${told.length ? ` Marks are published values, on whole FLORES-200: ${told.join(" ")}` : ""}`);
  }

  // ── Where the tokens go ──

  spend() {
    const { spending } = this.data;
    const worth = spending && (spending.kinds.length > 1 || spending.paragraphs.length);
    this.spent.hidden = !worth;
    if (!worth) return;
    const total = spending.kinds.reduce((sum, one) => sum + one.tokens, 0) || 1;
    const dearest = [["Dearest runs", spending.runs], ["Dearest paragraphs", spending.paragraphs]].filter(([, list]) => list.length);
    this.spent.replaceChildren(h("div.vi-section-head", {}, h("h2", {}, "Where the tokens go")),
      h("div.vt-columns", {},
        h("table.vi-table", {}, h("thead", {}, h("tr", {}, ...["Kind", "Tokens", "", "Bytes / token", "More than as ordinary text"].map((one, n) => h(n === 1 || n > 2 ? "th.vi-number" : "th", {}, one)))),
          h("tbody", {}, ...spending.kinds.map(({ kind, runs, tokens, rate, extra }) => h("tr", {}, h("td", { title: `${whole(runs)} runs` }, kind), h("td.vi-number", {}, whole(tokens)),
            h("td.vt-part", {}, h("i", { style: `width: ${(100 * tokens / total).toFixed(1)}%` })), h("td.vi-number", {}, two(rate)),
            h("td.vi-number", {}, extra === null ? "" : Math.round(extra) === 0 ? "0 tokens" : `${extra > 0 ? "+" : "−"}${Math.abs(extra).toFixed(0)} tokens`))))),
        h("div", {}, ...dearest.map(([title, list]) => h("div", {}, h("h3", {}, title), h("ul.vt-dear", {}, ...list.map((one) =>
          h("li", {}, h("button", { type: "button", title: "Show it among the tokens", onclick: () => dispatchEvent(new CustomEvent("vi-token", { detail: one.token })) }, h("bdi", {}, one.text)),
            h("span.vi-quiet", {}, `${one.kind === "paragraph" ? "" : `${one.kind} · `}${whole(one.tokens)} tokens · ${two(one.rate)} bytes each`)))))))));
  }

  // ── Other servers, other boundaries ──

  compare() {
    const { comparison, servers } = this.data;
    this.compared.hidden = !comparison;
    if (!comparison) return;
    const { rows, text } = comparison;
    const first = new Set(rows[0].edges ?? []);
    this.compared.replaceChildren(h("div.vi-section-head", {}, h("h2", {}, "Same text, other tokenizer")),
      h("div.vi-scroll", {}, h("table.vi-table", {}, h("thead", {}, h("tr", {}, ...["", "Tokens", "Against the first", "Shared boundaries", "Only in the first", "Only in this", "Same tokenizer?"].map((one, n) => h(n > 0 && n < 6 ? "th.vi-number" : "th", {}, one)))),
        h("tbody", {}, ...rows.map((row, n) => h("tr", {}, h("td", {}, h("span.vt-key", {}, h("span", {}, h("i", { style: `background: var(--vi-s${n})` }), servers[n].title))),
          h("td.vi-number", {}, row.trouble ? "–" : row.tokens === null ? "asking …" : whole(row.tokens)), h("td.vi-number", {}, row.ratio ? `× ${two(row.ratio)}` : ""),
          h("td.vi-number", {}, row.shared === undefined ? "" : whole(row.shared)), h("td.vi-number", {}, row.only_first === undefined ? "" : whole(row.only_first)),
          h("td.vi-number", {}, row.only_here === undefined ? "" : whole(row.only_here)),
          h("td.vi-words", {}, row.trouble || (row.proof ? state(row.equal === true ? "good" : row.equal === false ? "off" : "unknown", row.proof) : n && this.data.waiting ? "asking …" : ""))))))),
      ...rows.map((row, n) => (row.edges ? h("p.vt-cuts", { "aria-label": `Tokens of ${servers[n].title}` }, h("i", { style: `background: var(--vi-s${n})`, "aria-hidden": "true" }), ...this.cuts(text, row.edges, n ? first : null, comparison.cut)) : null)).filter(Boolean),
      h("p.vi-foot", {}, "A bold edge is a boundary that the first tokenizer does not have."));
  }

  cuts(text, edges, first, cut) {
    const nodes = [];
    let at = 0;
    for (const edge of edges) {
      if (edge <= at) continue;
      nodes.push(h("span", { "data-odd": nodes.length % 2 ? "" : null, "data-own": first && !first.has(edge) ? "" : null }, h("bdi", {}, ...visible(text.slice(at, edge).replace(/\n/g, " ")))));
      at = edge;
    }
    if (cut) nodes.push("…");
    return nodes;
  }

  destroy() { clearTimeout(this.timer); }
}
