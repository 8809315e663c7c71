// Models: where a request could go now, then a card per model. Cards are drawn anew only where they changed; the order of
// servers and their states move every second, in rows that stay the same elements.

import { tell } from "./address.js";
import { copyButton } from "./copy.js";
import { h, mark, place, put, state } from "./dom.js";
import { clock, span } from "./figures.js";
import { age, trouble } from "./verdict.js";
import { LiveView } from "./view.js";

const SHEET = new URL("./models.css", import.meta.url).href;
if (!document.querySelector(`link[href="${SHEET}"]`)) document.head.append(h("link", { rel: "stylesheet", href: SHEET }));

const CELLS = [
  ["release", "Release"],
  ["length", "Context, tokens"],
  ["tokens", "KV cache, tokens"],
  ["fits", "Full-length requests"],
];

export class Models extends LiveView {
  constructor(root, page) {
    super(root, page);
    this.model = page.data.model;
    this.server = page.data.server;
    this.cards = new Map();
    this.drawn = new Map();
    this.live = new Map();
    this.places = new Map();
    this.lists = new Map();
    this.order = [];
    this.rank = [];
    this.troubles = h("div.vi-verdict", { role: "region", "aria-label": "Lists in trouble" });
    this.list = h("div.vm-cards", {}, ...Array.from({ length: 2 }, () => h("div.vi-skeleton")));
    this.none = h("p.vi-note", {}, "No models: no server has listed any yet.");
    this.hidden = h("ul.vm-hidden");
    this.answers = h("section.vm-answers", { hidden: true }, h("h2", {}, "Lists as they came"),
      h("p.vi-quiet", {}, "The newest answer of each server to GET /v1/models, asked every 30 s while this page is open."));
    root.replaceChildren(this.head.element, this.head.banner, this.troubles, this.routing(), this.list, this.hidden, this.answers);
    this.begin();
  }

  source() { return this.data.stream; }

  address() { return { model: this.model || this.chosen?.key || null, server: this.server || null }; }

  /** The script ran again: perhaps with a list that was asked for, or for another model. */
  update(data) {
    const before = this.data;
    super.update(data);
    if (data.model && data.model !== before.model) this.choose(data.model, false);
    if (data.raw) this.fill(data.raw);
  }

  // ── What the stream brings ──

  whole(frame) {
    const known = new Set(frame.order);
    for (const [key, drawn] of this.drawn) if (!known.has(key)) { drawn.element.remove(); this.drawn.delete(key); this.cards.delete(key); }
    this.step(frame);
  }

  step(news) {
    if (news.line) put(this.head.line, news.line);
    for (const [name, live] of Object.entries(news.live ?? {})) this.live.set(name, live);
    if (news.rank) this.rank = news.rank;
    if (news.columns) this.title(news.columns);
    if (news.troubles || news.more_troubles !== undefined) this.warn(news);
    for (const [key, card] of Object.entries(news.cards ?? {})) this.cards.set(key, card);
    if (news.order) this.order = news.order;
    if (news.cards || news.order) this.arrange();
    if (news.hidden) this.hidden.replaceChildren(...news.hidden.map((words) => h("li", {}, words)));
    if (news.lists) this.answered(news.lists);
    this.place();
    this.states();
    this.read(news, news.now, 1);
  }

  warn({ troubles = this.told ?? [], more_troubles: more }) {
    this.told = troubles;
    const blocks = troubles.map((one) => trouble(one, one.server));
    if (more) blocks.push(h("p.vi-quiet", {}, `… ${more} more servers without a list`));
    this.troubles.replaceChildren(...blocks);
  }

  // ── Where a request could go ──

  routing() {
    this.select = h("select.vm-select", { "aria-label": "Model" });
    this.select.onchange = () => this.choose(this.select.value);
    this.answer = h("p.vm-answer", { role: "status" });
    this.ladder = h("ol.vm-ladder");
    this.heads = Object.fromEntries(["standing", "free", "why"].map((key) => [key, h(`span.vm-${key}`)]));
    put(this.heads.standing, "Would start");
    put(this.heads.free, "KV cache free");
    put(this.heads.why, "Why");
    const head = h("div.vm-place.vm-ladder-head", { "aria-hidden": "true" }, h("span.vm-rank"), h("span.vm-name", {}, "Server"), ...Object.values(this.heads));
    return this.section = h("section.vm-routing", { hidden: true, "aria-label": "Where a request could go now" },
      h("div.vm-ask", {}, h("h2", {}, "Where a request could go now"), h("label", {}, h("span.vi-quiet", {}, "for "), this.select)),
      this.answer, head, this.ladder);
  }

  title(columns) {
    for (const [key, how] of Object.entries(columns)) mark(this.heads[key], "title", how);
  }

  /** Show another model; `say` tells the script, so that other pages know it as well. */
  choose(key, say = true) {
    if (key === undefined || key === this.model) return;
    this.model = key;
    this.follow();
    this.place();
    if (say) this.page.send("model", key);
  }

  /** What is served by which servers; adapters are chosen like models. */
  entries() {
    return this.order.flatMap((key) => {
      const card = this.cards.get(key);
      return card ? [card, ...card.adapters] : [];
    });
  }

  get chosen() {
    const entries = this.entries();
    return entries.find(({ key }) => key === this.model) ?? entries.find(({ servers }) => servers.includes(this.server)) ?? entries[0];
  }

  /** Everything that follows the chosen model: the list to choose from, the marked card, the address. */
  follow() {
    const { chosen } = this;
    this.section.hidden = !chosen;
    if (!chosen) return;
    this.missing = this.model && this.model !== chosen.key ? `No server lists ${this.model}; this is for ${chosen.id}. ` : "";
    this.options();
    for (const [key, { element }] of this.drawn) {
      const card = this.cards.get(key);
      mark(element, "data-chosen", key === chosen.key || card.adapters.some((one) => one.key === chosen.key) ? "true" : null);
    }
    tell(this.address());
  }

  options() {
    const entries = this.entries();
    const text = JSON.stringify(entries.map(({ key, id }) => [key, id]));
    if (text !== this.optioned) {
      this.optioned = text;
      this.select.replaceChildren(...entries.map(({ key, id, servers }) => h("option", { value: key, title: `${servers.length} servers` }, id)));
    }
    if (this.select.value !== this.chosen.key) this.select.value = this.chosen.key;
  }

  place() {
    const { chosen } = this;
    if (!chosen) return;
    const serving = new Set(chosen.servers);
    const names = this.rank.filter((name) => serving.has(name) && this.live.has(name));
    const takes = names.filter((name) => this.live.get(name).takes).length;
    const told = takes ? `${takes} of ${names.length} ${names.length === 1 ? "server" : "servers"} could take it${takes > 1 ? ", best first" : ""}.` : "No server can take a request for it now.";
    put(this.answer, names.length ? this.missing + told : "Waiting for the first readings …");
    mark(this.answer, "data-tone", takes || !names.length ? null : "bad");
    for (const name of this.places.keys()) if (!names.includes(name)) this.places.delete(name);
    names.forEach((name, index) => this.fillPlace(name, this.live.get(name), index));
    const rows = names.map((name) => this.places.get(name).element);
    place(this.ladder, rows);
  }

  fillPlace(name, live, index) {
    let place = this.places.get(name);
    if (!place) { place = this.newPlace(name); this.places.set(name, place); }
    const rank = live.takes ? String(index + 1) : "–";
    if (place.rank.textContent !== rank) put(place.rank, rank);
    const key = live.tone + live.standing;
    if (place.key !== key) { place.key = key; place.standing.replaceChildren(state(live.tone, live.standing, live.state.words)); }
    mark(place.element, "data-standing", live.standing);
    put(place.figure, live.percent);
    place.meter.style.setProperty("--share", live.free ?? 0);
    mark(place.meter, "data-absent", live.free === null ? "true" : null);
    put(place.reason, live.reason);
    place.old.hidden = live.at === null;
    place.at = live.at;
  }

  newPlace(name) {
    const [rank, standing, figure, reason, old] = [h("span.vm-rank"), h("span.vm-standing"), h("span.vm-figure"), h("span"), h("span.vm-old")];
    const meter = h("span.vm-meter", { "aria-hidden": "true" }, h("i"));
    const element = h("li.vm-place", { "data-server": name }, rank, h("span.vm-name", {}, name), standing,
      h("span.vm-free", {}, meter, figure), h("span.vm-why", {}, reason, " ", old));
    return { element, rank, standing, figure, meter, reason, old };
  }

  // ── Cards ──

  arrange() {
    for (const key of this.drawn.keys()) if (!this.order.includes(key)) { this.drawn.delete(key); this.cards.delete(key); }
    const elements = this.order.map((key) => this.card(this.cards.get(key)));
    const focused = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
    place(this.list, elements.length ? elements : [this.none]);
    if (focused && !this.list.contains(document.activeElement)) this.list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
    this.follow();
  }

  /** A card's element: as it stands if nothing of it changed. */
  card(card) {
    const text = JSON.stringify(card);
    const before = this.drawn.get(card.key);
    if (before?.text === text) return before.element;
    const states = new Map();
    const chooser = h("button.vm-choose", { type: "button", "data-focus": `choose ${card.key}`, title: "Show above where a request for it could go",
      onclick: () => { this.choose(card.key); this.section.scrollIntoView({ block: "nearest" }); } }, "Where could a request go?");
    const element = h("section.vm-card", { "data-model": card.key, "aria-label": card.id },
      h("header", {}, this.name(card, "h2"), chooser),
      h("dl.vm-facts", {}, ...card.facts.map(([name, value, how]) => h("div", { title: how }, h("dt", {}, name), h("dd", {}, value)))),
      this.table(card, states),
      card.agreement ? this.agreement(card.agreement, card.servers.length) : null,
      card.adapters.length ? this.adapters(card) : null);
    this.drawn.set(card.key, { text, element, states });
    return element;
  }

  name({ key, id, exact }, tag) {
    const why = "It holds characters that can't be shown, or too many: copy it from the list below";
    return h(`${tag}.vm-id`, {}, h("code", {}, id), exact ? this.focusable(copyButton(id, "the id"), `copy ${key}`) : h("span.vi-quiet", { title: why }, " not shown whole"));
  }

  focusable(element, key) {
    mark(element.firstChild, "data-focus", key);
    return element;
  }

  table(card, states) {
    const head = h("tr", {}, h("th", { scope: "col" }, "Server"), h("th", { scope: "col" }, "State"),
      ...CELLS.map(([key, label]) => h(`th.vm-number.vm-${key}`, { scope: "col" }, label)),
      h("th.vm-number", { scope: "col" }, "Listed for"), h("th", { scope: "col" }, h("span.vi-hidden", {}, "Pages")));
    const rows = card.rows.map((row) => {
      const cell = h("td.vm-state", { "data-label": "State" });
      states.set(row.server, { cell });
      return h("tr", { "data-server": row.server, "data-chosen": row.server === this.server ? "true" : null },
        h("th", { scope: "row" }, row.server, row.simulated ? h("span.vi-demo", { title: "A simulated server that came with the dashboard" }, "demo · simulated") : null),
        cell,
        ...CELLS.map(([key, label]) => h(`td.vm-number.vm-${key}`, { "data-label": label, title: row.cells[key][1], "data-absent": row.cells[key][0].startsWith("not ") ? "true" : null }, row.cells[key][0])),
        h("td.vm-number", { "data-label": "Listed for" }, this.since(row.since)),
        h("td.vm-links", { "data-label": "Pages" }, ...row.links.map(([label, href]) => this.link(label, href, card.key))));
    });
    return h("div.vi-scroll", {}, h("table.vm-servers", {}, h("thead", {}, head), h("tbody", {}, ...rows)), card.more ? h("p.vi-quiet", {}, card.more) : null);
  }

  since(since) {
    if (!since) return h("span", { "data-absent": "true" }, "not known");
    return h("span", { "data-listed": since.at, "data-least": since.least ? "true" : null, "data-how": since.how });
  }

  /** A real link, which also opens in a new tab; a plain click keeps the session. */
  link(label, href, key) {
    const link = h("a", { href, "data-focus": `${href} ${key}` }, label);
    link.onclick = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.page.send("open", href);
    };
    return link;
  }

  agreement({ tone, differences, same, unknown }, servers) {
    const count = differences.length;
    const words = count ? `${servers} servers differ in ${count} ${count === 1 ? "thing" : "things"}` : same ? `${servers} servers agree` : "Not compared yet";
    return h("div.vm-agreement", { "data-tone": tone }, state(tone, words),
      count ? h("ul", {}, ...differences.map((sentence) => h("li", {}, sentence))) : null,
      h("p.vi-quiet", {}, [same && `Agree in ${same}.`, unknown && `Not told by all: ${unknown}.`].filter(Boolean).join(" ")));
  }

  adapters(card) {
    const rows = card.adapters.map((one) => h("li", { "data-model": one.key }, this.name(one, "h4"),
      h("span.vi-quiet", {}, one.root), h("span", {}, `on ${one.on}`), h("span.vi-quiet", {}, "listed for ", this.since(one.since))));
    return h("div.vm-adapters", {}, h("h3", {}, card.adapters.length === 1 ? "Adapter" : "Adapters"), h("ul", {}, ...rows),
      card.more_adapters ? h("p.vi-quiet", {}, card.more_adapters) : null);
  }

  /** The states in the cards' rows, where they changed. */
  states() {
    for (const { states } of this.drawn.values()) {
      for (const [name, one] of states) {
        const { state: now } = this.live.get(name) ?? {};
        const key = now && JSON.stringify([now.tone, now.words]);
        if (!now || one.key === key) continue;
        one.key = key;
        one.cell.replaceChildren(state(now.tone, now.words));
      }
    }
  }

  // ── The lists as they came ──

  answered(lists) {
    this.answers.hidden = false;
    for (const [name, list] of Object.entries(lists)) {
      let one = this.lists.get(name);
      if (!one) { one = this.newList(name); this.lists.set(name, one); this.answers.append(one.element); }
      one.at = list.at;
      put(one.words, ` · ${list.words}${list.at ? ` · ${clock(list.at + this.stream.skew)}` : ""}${list.refused && list.at ? " · no newer answer" : ""}`);
    }
  }

  newList(name) {
    const words = h("span.vi-quiet"), text = h("pre", { tabindex: 0 }), body = h("div", { hidden: true }, text);
    const copying = copyButton(() => text.textContent, `the list of ${name}`);
    body.prepend(copying);
    const waiting = h("p.vi-quiet", {}, "Fetching what it said …");
    const element = h("details.vi-facts", { "data-list": name }, h("summary", {}, h("b", {}, name), words), waiting, body);
    element.ontoggle = () => { if (element.open) this.page.send("raw", name); };
    return { element, words, text, body, waiting };
  }

  fill({ server, text }) {
    const one = this.lists.get(server);
    if (!one) return;
    put(one.text, text || "There was no answer yet.");
    one.body.hidden = false;
    one.waiting.hidden = true;
  }

  // ── Ages ──

  grow() {
    this.head.age();
    if (this.head.paused || !this.stream) return;
    const { now } = this.stream;
    age(this.troubles, now);
    for (const one of this.list.querySelectorAll("[data-listed]")) {
      const at = Number(one.dataset.listed);
      put(one, (one.dataset.least ? "≥ " : "") + span(now - at));
      mark(one, "title", `since ${new Date((at + this.stream.skew) * 1000).toLocaleString()}: ${one.dataset.how}`);
    }
    for (const { old, at } of this.places.values()) if (at) put(old, `Reading ${span(now - at)} old.`);
    mark(this.section, "data-stale", this.isSilent ? "true" : null);
  }
}
