// The Tokenizer page's own view: what is typed, the figures, the tokens as chips and as ids, and one token in detail.

import { tell } from "./address.js";
import { Chips } from "./chips.js";
import { copyButton } from "./copy.js";
import { Detail } from "./detail.js";
import { h, mark, put } from "./dom.js";
import { Editor } from "./editor.js";
import { Strip } from "./strip.js";

const SHEET = new URL("./tokens.css", import.meta.url).href;
if (!document.querySelector(`link[href="${SHEET}"]`)) document.head.append(h("link", { rel: "stylesheet", href: SHEET }));

const LINK_LENGTH = 7000;

export class Tokens {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.data = page.data;
    this.seq = page.data.seq;
    const asked = new URL(location.href).searchParams;
    this.look = { signs: asked.get("signs") === "1", colour: asked.get("colour") === "id" ? "id" : "index" };
    this.editor = new Editor(page.data, (typed) => this.say(typed), () => mark(this.root, "data-waiting", ""));
    this.line = h("p.vi-line");
    this.trouble = h("p.vi-banner", { role: "alert", hidden: true });
    this.tiles = h("dl.vt-tiles", { "aria-label": "Figures" });
    this.remarks = h("ul.vt-remarks");
    this.chips = new Chips(this.look, { over: (i, chip, single) => this.over(i, chip, single), out: () => this.out(), pin: (i, other) => this.pin(i, other) });
    this.detail = new Detail(() => this.pin(null));
    this.legend = h("p.vt-legend");
    root.replaceChildren(this.head(), this.editor.element, this.trouble, this.tiles, this.remarks,
      this.bar(), this.chips.text.element, this.chips.ids.element, this.detail.element, this.detail.tip);
    this.showing = (event) => this.show_token(event.detail);
    addEventListener("vi-token", this.showing);
    root.onkeydown = (event) => this.key(event);
    this.update(page.data);
  }

  // ── The top: what is shown, whose tokenizer, copying ──

  head() {
    this.whose = h("select.vt-select", { "aria-label": "Server and model" });
    this.whose.onchange = () => this.page.send("pick", JSON.parse(this.whose.value));
    this.modes = new Map([["text", "Text"], ["chat", "Chat"]].map(([key, label]) =>
      [key, h("button", { type: "button", onclick: () => this.editor.mode(key === "chat") }, label)]));
    this.withText = h("input", { type: "checkbox" });
    const linked = copyButton(() => this.link(), "link");
    linked.firstChild.append(h("span", {}, "Copy link"));
    return h("header.vi-head", {},
      h("div.vi-title", {}, h("h1", {}, this.data.title), this.line),
      h("div.vi-controls", {},
        h("div.vi-segments", { role: "group", "aria-label": "Text or chat" }, ...this.modes.values()), this.whose,
        h("span.vt-share", {}, linked, h("label", { title: "Whoever gets the link can read it" }, this.withText, "with the text"))));
  }

  servers({ servers, server, model }) {
    const key = JSON.stringify([servers, server, model]);
    if (key === this.listed) return;
    this.listed = key;
    const options = servers.flatMap(({ name, models }) => (models.length ? models : [""]).map((one) =>
      h("option", { value: JSON.stringify([name, one]), selected: name === server && one === (model || models[0] || "") }, one ? `${name} · ${one}` : name)));
    this.whose.replaceChildren(...options);
  }

  address() {
    const { typed, server, model } = this.data;
    return { server, model: model || null, mode: typed.is_chat ? "chat" : null, text: null, chat: null, tools: null, arguments: null, window: null, servers: null,
      signs: this.look.signs ? "1" : null, colour: this.look.colour === "id" ? "id" : null, price: typed.cost || null,
      special: typed.special ? null : "0", generation: typed.generation ? null : "0", continue: typed.continued ? "1" : null };
  }

  link() {
    const url = new URL(location.href);
    if (!this.withText.checked) return url.href;
    const bare = url.href, { is_chat: chat, text, messages, tools, arguments: template } = this.editor.typed();
    const written = chat ? { chat: JSON.stringify(messages), tools, arguments: template } : { text };
    for (const [name, value] of Object.entries(written)) if (value) url.searchParams.set(name, value);
    if (url.href.length <= LINK_LENGTH) return url.href;
    this.warn("The text is too long for a link; the link that was copied has the settings only.");
    return bare;
  }

  // ── What was typed, and what the script made of it ──

  say(typed) {
    if (!typed) {
      if (!this.sent) mark(this.root, "data-waiting", null);
      return;
    }
    this.seq += 1;
    this.sent = performance.now();
    mark(this.root, "data-waiting", "");
    this.page.send("typed", { ...typed, seq: this.seq });
  }

  update(data) {
    this.data = data;
    // A new session (the dashboard was restarted) knows nothing of what is typed here.
    if (data.put !== this.placed) this.editor.take(data.typed);
    else if (data.seq < this.seq && data.seq === 0) this.say(this.editor.typed());
    this.placed = data.put;
    this.editor.know(data);
    for (const [key, button] of this.modes) mark(button, "aria-pressed", String((key === "chat") === data.typed.is_chat));
    this.servers(data);
    this.blocks.hidden = !data.block;
    put(this.blocks.lastChild, data.block ? `KV blocks of ${data.block}` : "");
    this.figures(data.tiles);
    if (data.seq >= this.seq) {
      if (!this.editor.pending) mark(this.root, "data-waiting", null);
      if (this.sent) this.root.dataset.took = Math.round(performance.now() - this.sent);
      this.sent = undefined;
    }
    this.warn(data.trouble);
    this.remarks.replaceChildren(...data.remarks.map(({ tone, text }) => h("li", { "data-tone": tone }, text)));
    // What was drawn before stays in sight, greyed, unless it is another server's or of another kind.
    const of = JSON.stringify([data.server, data.model, data.typed.is_chat]);
    if (data.tokens) this.of = of;
    mark(this.root, "data-stale", data.tokens ? null : this.of === of ? "old" : "gone");
    if (data.tokens && this.drawn !== data.tokens.key) {
      this.drawn = data.tokens.key;
      this.strip = new Strip(data.tokens);
      this.redraw();
    }
    const what = data.typed.is_chat ? "tokenizer and chat template really do" : "tokenizer really does";
    const how = data.tokens ? ` · ${data.fit}${data.normaliser ? ` (${data.normaliser})` : ""}` : "";
    put(this.line, `What ${data.server}’s ${what}${how}`);
    tell(this.address());
  }

  warn(words) {
    this.trouble.hidden = !words;
    put(this.trouble, words);
  }

  figures(tiles) {
    if (JSON.stringify(tiles) === this.told) return;
    this.told = JSON.stringify(tiles);
    const made = tiles.map(({ value, label, hint, tone }) => h("div", { title: hint, "data-tone": tone || null }, h("dd", {}, value), h("dt", {}, label)));
    made.at(-1).querySelector("dt").replaceChildren("at ", this.editor.price, " per M");
    this.tiles.replaceChildren(...made);
  }

  // ── Tokens ──

  bar() {
    const toggle = (words, hint, is, turn) => {
      const box = h("input", { type: "checkbox" });
      box.checked = is;
      box.onchange = () => { turn(box.checked); tell(this.address()); this.redraw(); };
      return h("label", { title: hint }, box, words);
    };
    return h("div.vt-bar", {}, this.legend,
      h("span.vt-toggles", {},
        toggle("Blanks and joiners", "Show blanks, joiners and every other sign that cannot be seen", this.look.signs, (on) => { this.look.signs = on; }),
        toggle("Same token, same colour", "Colour by token id instead of by position", this.look.colour === "id", (on) => { this.look.colour = on ? "id" : "index"; }),
        this.blocks = toggle("KV blocks", "Show where blocks of the KV cache begin", false, (on) => { this.look.block = on ? this.data.block : 0; }),
        copyButton(() => JSON.stringify(Array.from(this.strip?.ids ?? [])), "the ids as JSON")));
  }

  redraw() {
    if (!this.strip) return;
    this.detail.read(this.strip);
    this.chips.show(this.strip, this.look);
    mark(this.chips.text.element, "data-unplaced", this.strip.placed ? null : "");
    this.chips.pin(null);
    this.detail.show(null);
    this.chips.hover(null);
    this.detail.point(null);
    this.explain();
  }

  explain() {
    const kinds = new Set(this.strip.kinds);
    const templates = this.strip.owners?.some((owner) => owner === -1);
    const words = [[1, "special", templates ? "control token" : "typed, and read as a control token"], [2, "added", "added by the server"], [3, "prefix", "a blank before the text"],
      [4, "unknown", "not in the vocabulary"], [6, "normalised", "the model sees other characters"]];
    const found = words.filter(([kind]) => kinds.has(kind)).map(([, name, text]) => h("span", {}, h("span.vt-chip", { "data-kind": name, "aria-hidden": "true" }, name === "prefix" ? "\u2009" : "ab"), text));
    if (templates) found.push(h("span", {}, h("span.vt-chip", { "data-owner": -1, "aria-hidden": "true" }, "ab"), "written by the template"));
    if (this.strip.joined.some(Boolean)) found.push(h("span", {}, h("span.vt-chip", { "aria-hidden": "true" }, "字", h("span.vt-ticks", {}, h("i", { "data-colour": 0 }), h("i", { "data-colour": 1 }), h("i", { "data-colour": 2 }))), "one character, several tokens"));
    this.legend.replaceChildren(...found);
  }

  over(i, chip, single) {
    const range = single ? [i, i + 1] : this.chips.unit(i);
    this.chips.hover(range);
    this.detail.point(range, chip, this.root);
  }

  out() {
    this.chips.hover(null);
    this.detail.point(null);
  }

  /** Pin the unit of a token, and show it in the `other` view too; null lets go. */
  pin(i, other = null) {
    if (i === null || (this.chips.pinned && this.chips.pinned[0] <= i && i < this.chips.pinned[1] && other)) {
      this.chips.pin(null);
      this.detail.show(null);
      return;
    }
    const range = this.chips.unit(i);
    other?.reveal(range[0]);
    this.chips.pin(range);
    this.detail.show(range);
  }

  /** Something else on the page wants a token to be seen. */
  show_token(i) {
    if (!this.strip || i >= this.strip.length) return;
    this.pin(i);
    this.chips.text.reveal(i);
    this.chips.ids.reveal(i);
    this.chips.text.element.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.target.closest("textarea, input, select")) return;
    const { pinned } = this.chips;
    if (event.key === "Escape" && pinned) this.pin(null);
    if (event.target !== this.chips.text.element || !this.strip?.length) return;
    const to = { ArrowRight: pinned ? pinned[1] : 0, ArrowLeft: pinned ? pinned[0] - 1 : this.strip.length - 1, Home: 0, End: this.strip.length - 1 }[event.key];
    if (to === undefined || to < 0 || to >= this.strip.length) return;
    event.preventDefault();
    this.pin(to);
    this.chips.text.reveal(to);
    this.chips.ids.reveal(to);
  }

  destroy() {
    removeEventListener("vi-token", this.showing);
    this.chips.destroy();
    this.editor.destroy();
  }
}
