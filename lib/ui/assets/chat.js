// The Chat page's own view: the talk with one model, how it is asked, and what its server does meanwhile. What a person does
// shows at once; the script confirms it. Streams are drawn once a frame, whatever comes.

import { Acts } from "./acts.js";
import { tell } from "./address.js";
import { Answering, runId } from "./answering.js";
import { Composer } from "./composer.js";
import { copyButton } from "./copy.js";
import { h, mark, put } from "./dom.js";
import { Kept } from "./kept.js";
import { Parameters } from "./parameters.js";
import { Pulse } from "./pulse.js";
import { sheet } from "./sheet.js";
import { Turns } from "./turns.js";

sheet("tokens.css", import.meta.url);
sheet("chat.css", import.meta.url);

const WIDE = 1100;
const NEAR = 90;
const FILE_BYTES = 12_000_000;
const SURE_MS = 3000;
const BROKEN = { tone: "watch", text: "The dashboard has stopped answering; the answer goes on as soon as it is back. Trying again." };
const TRIES = ["Explain in three sentences what a KV cache is.", "Count from 1 to 60, one number a line.", "用三句话解释什么是预填充。", "Write a Python function that splits text at blank lines, with a test."];

export class Chat {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.data = page.data;
    this.kept = new Kept();
    this.looks = { mode: page.data.mode, raw: Boolean(this.kept.get("raw")) };
    this.streams = new Map();
    this.parts = new Map();
    this.own = new Map();
    this.settings = new Parameters({ ...page.data, settings: this.settled() }, () => this.acts.say("settings"));
    this.acts = new Acts((act) => page.send("act", act), () => ({ tab: this.data.tab || this.kept.get("tab") || "", settings: this.settings.read() }));
    this.turns = new Turns({
      regenerate: (node, seed) => this.begin("regenerate", { node, seed }),
      continue: (node) => this.begin("continue", { node }),
      edit: (node, text) => this.edit(node, text),
      select: (node) => this.acts.say("select", { node }),
      remove: (node) => this.acts.say("remove", { node }),
      tool: (node, call, text, isLast) => (isLast ? this.begin("tool", { node, call, text }) : this.acts.say("tool", { node, call, text, run: "" })),
      detail: (node) => this.open(node),
      branch: (node, position, id) => this.begin("branch", { node, position, id }),
    });
    this.composer = new Composer({ send: (text, images) => this.send(text, images), stop: () => this.stop(), back: () => this.back(), typed: (draft) => this.kept.set({ draft }) });
    this.composer.text = this.kept.get("draft") ?? "";
    this.pulse = new Pulse(() => this.denied());
    this.empty = this.start();
    this.said = h("p.vi-hidden", { role: "status" });
    this.talk = h("section.vc-talk", { "aria-label": "Chat" }, this.empty, this.turns.element, this.composer.element, this.said);
    this.columns = h("div.vc", {}, this.talk, this.settings.element);
    root.replaceChildren(this.head(), this.columns);
    root.onkeydown = (event) => { if (event.key === "Escape" && this.run && !event.target.closest("dialog, details.vc-menu")) { event.preventDefault(); this.stop(); } };
    this.clock = setInterval(() => this.turns.of(this.run)?.measure(), 100);
    this.fold(this.kept.get("panel") ?? (root.clientWidth >= WIDE));
    this.update(page.data);
    if (root.clientWidth >= WIDE) this.composer.area.focus({ preventScroll: true });
  }

  /** After a reload: what was set in this tab; the script lets the address have its say over it. */
  settled() {
    const { tab, settings } = this.data;
    return tab ? settings : { ...settings, ...this.kept.get("settings") };
  }

  // ── The top ──

  head() {
    this.whose = h("select.vt-select", { "aria-label": "Server and model" });
    this.whose.onchange = () => { const [server, model] = JSON.parse(this.whose.value); this.acts.say("pick", { server, model }); };
    this.modes = new Map([["chat", "Chat"], ["completions", "Completions"]].map(([key, label]) => [key, h("button", { type: "button", onclick: () => this.mode(key) }, label)]));
    const linked = copyButton(() => location.href, "a link to this server, model and settings");
    this.panel = h("button.vi-button", { type: "button", onclick: () => this.fold(!this.panelled, true) }, h("span.vi-icon", { "aria-hidden": "true" }, "tune"), "Settings");
    this.raw = h("input", { type: "checkbox" });
    this.raw.checked = this.looks.raw;
    this.raw.onchange = () => { this.looks.raw = this.raw.checked; this.kept.set({ raw: this.raw.checked }); this.turns.show(this.data.path, this.looks); };
    this.file = h("input", { type: "file", accept: ".json,application/json", hidden: true });
    this.file.onchange = () => { this.bring(this.file.files[0]); this.file.value = ""; };
    const entry = (text, onclick) => h("button", { type: "button", onclick: () => { this.menu.open = false; onclick(); } }, text);
    this.menu = h("details.vc-menu", {}, h("summary.vi-button", {}, "Conversation", h("span.vi-icon", { "aria-hidden": "true" }, "expand_more")),
      h("div", {}, entry("Export as JSON", () => this.take("json")), entry("Export as Markdown", () => this.take("markdown")), entry("Import JSON …", () => this.file.click()),
        h("label", { title: "Show what the model wrote as it stands, without Markdown" }, this.raw, "Text as it stands")));
    this.menu.onkeydown = (event) => { if (event.key === "Escape") { this.menu.open = false; this.menu.firstChild.focus(); } };
    this.away = (event) => { if (!this.menu.contains(event.target)) this.menu.open = false; };
    addEventListener("pointerdown", this.away);
    this.leaving = () => this.left();
    addEventListener("pagehide", this.leaving);
    this.fresh = h("button.vi-button", { type: "button", onclick: () => this.clear() }, "New chat");
    return h("header.vi-head.vc-top", {},
      h("div.vi-title", {}, h("h1", {}, this.data.title), h("p.vi-line", {}, this.pulse.element)),
      h("div.vi-controls", {},
        h("div.vi-segments", { role: "group", "aria-label": "Chat or completions" }, ...this.modes.values()), this.whose, this.fresh, this.menu, this.file, h("span.vc-link", {}, linked), this.panel));
  }

  servers({ servers, server, model }) {
    const key = JSON.stringify([servers, server, model]);
    if (key === this.listed) return;
    this.listed = key;
    this.whose.replaceChildren(...servers.flatMap(({ name, models }) => (models.length ? models : [""]).map((one) =>
      h("option", { value: JSON.stringify([name, one]), selected: name === server && one === (model || models[0] || "") }, one ? `${name} · ${one}` : name))));
  }

  fold(open, keep = false) {
    this.panelled = open;
    mark(this.columns, "data-panel", open ? "open" : "shut");
    mark(this.panel, "aria-pressed", String(open));
    if (keep) this.kept.set({ panel: open });
    if (open && keep && this.root.clientWidth < WIDE) this.settings.element.scrollIntoView({ block: "nearest" });
  }

  mode(mode) {
    if (mode === this.data.mode) return;
    this.settings.mode(mode);
    this.acts.say("mode", { mode });
  }

  /** Nothing is thrown away by one click. */
  clear() {
    const sure = this.fresh.dataset.sure !== undefined || !this.turns.turns.length;
    clearTimeout(this.doubt);
    mark(this.fresh, "data-sure", sure ? null : "");
    put(this.fresh, sure ? "New chat" : "Discard this one?");
    if (!sure) { this.doubt = setTimeout(() => { mark(this.fresh, "data-sure", null); put(this.fresh, "New chat"); }, SURE_MS); return; }
    this.acts.say("clear");
    this.composer.area.focus();
  }

  start() {
    return h("div.vc-empty", {}, h("p", {}, "Nothing has been said yet. Every answer is measured: time to its first token, the pace, what it cost in context and KV cache, and what the server did meanwhile."),
      h("ul", {}, ...TRIES.map((text) => h("li", {}, h("button", { type: "button", onclick: () => { this.composer.text = text; this.kept.set({ draft: text }); this.composer.area.focus(); } }, text)))));
  }

  // ── What a person does ──

  get run() { return [...this.own.keys()].at(-1) ?? null; }

  send(text, images) {
    if (this.run || !this.data.tab) return false;
    const run = runId(), kept = this.turns.turns.length;
    const parent = this.data.path.at(-1)?.id ?? null;
    const shown = images.map(({ name, url }) => ({ name, url }));
    this.pictures = images;
    const made = { reasoning: "", tools: [], call: "", trouble: "", changed: [], figures: [], notes: [], position: [1, 1], may: {} };
    this.begin("send", { text, images: shown, parent }, run);
    this.turns.foresee(kept, [{ ...made, id: `u-${run}`, role: "user", text, images: shown, run: null, state: "done", where: "" },
      { ...made, id: `a-${run}`, role: "assistant", text: "", images: [], run, state: "streaming", where: this.where() }], this.looks);
    this.empty.hidden = true;
    this.down(true);
    return true;
  }

  where() { return [this.data.server, this.data.model].filter(Boolean).join(" · "); }

  /** Whatever makes the model write: listen before the script has even heard of it. */
  begin(kind, more, run = runId()) {
    if (this.run) return;
    this.composer.warn(null);
    this.backed = "";
    this.own.set(run, this.acts.say(kind, { ...more, run }));
    this.listen(run);
    this.busy();
  }

  edit(node, text) {
    const { role } = this.data.path.find(({ id }) => id === node) ?? {};
    if (role === "user") this.begin("edit", { node, text });
    else this.acts.say("edit", { node, text });
  }

  back() {
    const last = this.turns.turns.findLast(({ node }) => node.role === "user" && node.may?.edit);
    last?.edit();
    return Boolean(last);
  }

  stop() {
    if (!this.run || this.stopped === this.run) return;
    this.stopped = this.run;
    this.acts.say("stop", { run: this.run });
    this.busy();
  }

  busy() { this.composer.wait(Boolean(this.run), this.stopped === this.run); mark(this.root, "data-busy", this.run ? "" : null); }

  open(node) {
    this.detailed = node;
    this.detail();
    this.acts.say("detail", { node });
    if (node) this.turns.turns.find((turn) => turn.node.id === node)?.element.scrollIntoView({ block: "start" });
  }

  /** The detail of one answer at a time. */
  detail() {
    const { detail } = this.data;
    for (const turn of this.turns.turns) {
      const its = turn.node.id === this.detailed && turn.node.state !== "streaming";
      if (its || turn.inside) turn.detail(its ? (detail?.node === this.detailed ? detail : null) : undefined);
    }
  }

  // ── Streams ──

  listen(run) {
    let answering = this.streams.get(run);
    if (!answering) {
      answering = new Answering(run, this);
      this.streams.set(run, answering);
      this.parts.set(run, []);
    }
    answering.aim(this.data.stream, this.data.ticket);
  }


  /** Pieces of an answer: kept until the next frame. */
  arrived({ run }, parts) {
    this.parts.get(run)?.push(...parts);
    if (this.first !== run && parts.some(({ c, r, t }) => c || r || t?.length)) { this.first = run; this.firstAt = performance.now(); }
    this.frame ??= requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = undefined;
    const near = this.isDown();
    for (const [run, waiting] of this.parts) {
      const turn = waiting.length ? this.turns.of(run) : null;
      if (turn) turn.grow(waiting.splice(0));
    }
    if (near) this.down();
    if (this.firstAt !== undefined && !this.parts.get(this.first)?.length) {
      const since = this.firstAt;
      this.firstAt = undefined;
      requestAnimationFrame(() => { this.root.dataset.first = (performance.now() - since).toFixed(1); });
    }
  }

  ended({ run }) {
    if (this.own.has(run)) this.own.set(run, this.acts.say("ended", { run }));
    else this.acts.say("ended", { run });
  }

  broken(is) { this.composer.warn(is ? BROKEN : this.data.notice); }

  denied() { this.page.send("ticket", Date.now()); }

  /** Streams that are wanted, and those that are not any more. */
  follow({ path, seq }) {
    const writing = new Set(path.filter(({ state, run }) => state === "streaming" && run).map(({ run }) => run));
    for (const run of writing) if (!this.own.has(run)) this.own.set(run, 0);
    for (const [run, act] of this.own) if (!writing.has(run) && seq >= act) this.own.delete(run);
    for (const [run, answering] of this.streams) if (!this.own.has(run)) { answering.close(); this.streams.delete(run); this.parts.delete(run); }
    for (const run of this.own.keys()) this.listen(run);
  }

  // ── What the script says ──

  update(data) {
    const before = this.data;
    this.data = data;
    this.acts.done(data.seq);
    mark(this.root, "data-tab", data.tab ? "" : null);
    if (!data.tab) this.hello();
    this.settle(data);
    this.looks.mode = data.mode;
    for (const [key, button] of this.modes) mark(button, "aria-pressed", String(key === data.mode));
    this.servers(data);
    this.settings.know(data);
    this.composer.mode(data.mode === "chat", data.pictures);
    this.pulse.aim(data);
    const near = this.isDown(), grown = data.path.length > before.path.length;
    this.follow(data);
    if (!this.foreseen()) {
      this.turns.show(data.path, this.looks);
      this.empty.hidden = data.path.length > 0 || !data.tab;
    }
    this.detail();
    this.restore(data);
    this.composer.warn(data.notice);
    this.busy();
    if (this.parts.size) this.frame ??= requestAnimationFrame(() => this.paint());
    if (near || grown) this.down();
    this.finish(before, data);
    this.keep(data);
  }

  /** Whether turns are on screen that the script has not heard of. */
  foreseen() {
    const act = this.own.get(this.run);
    return act > this.data.seq && !this.data.path.some(({ run }) => run === this.run) && this.turns.of(this.run);
  }

  /** The script has other settings for us; after a restart of the dashboard ours are newer than the address it began with. */
  settle({ put: placed, settings }) {
    if (placed === this.placed) return;
    const isFirst = this.placed === undefined;
    this.placed = placed;
    if (isFirst) return;
    if (this.mine) this.acts.say("settings");
    else this.settings.take(settings);
    this.mine = false;
  }

  hello() {
    if (this.acts.awaits("hello")) return;
    this.mine = this.kept.get("search") === location.search;
    this.acts.say("hello", { tab: this.kept.get("tab") ?? "", saved: this.written(this.kept.get("saved")) });
  }

  /** The copy of the talk with what is on screen of answers that a dashboard which is gone was writing. */
  written(saved) {
    return saved ? { ...saved, nodes: saved.nodes.map((node) => ({ ...node, ...this.turns.of(node.about?.run)?.written })) } : null;
  }

  /** What could not be sent goes back to where it was typed. */
  restore({ draft_back: text, seq }) {
    if (this.own.get(this.run) > seq) return;
    if (text && text !== this.backed && !this.composer.text) {
      this.composer.bring(text, this.pictures ?? []);
      this.kept.set({ draft: text });
    }
    this.backed = text;
  }

  finish(before, data) {
    const wrote = before.path.find(({ state }) => state === "streaming");
    const stands = wrote && data.path.find(({ id, state }) => id === wrote.id && state !== "streaming");
    if (stands) put(this.said, stands.trouble || "The answer is complete.");
    if (data.exported && data.exported.seq !== this.exported) {
      this.exported = data.exported.seq;
      if (this.asked) save(data.exported.name, data.exported.text);
      this.asked = false;
    }
  }

  keep({ tab, rev, saved, query }) {
    if (query) tell(query);
    if (!tab) return;
    const version = `${tab} ${rev}`;
    this.kept.set({ tab, settings: this.settings.read(), search: location.search, ...(version === this.version ? {} : { saved: saved ?? null }) });
    this.version = version;
  }

  /** The tab is left in the middle of an answer: what is on screen of it stays, should the dashboard go meanwhile. */
  left() { if (this.run) this.kept.set({ saved: this.written(this.kept.get("saved")) }); }

  // ── Files ──

  take(form) {
    if (form === "json" && this.data.saved) { save("conversation.json", JSON.stringify(this.data.saved, null, 2)); return; }
    this.asked = true;
    this.acts.say("export", { form });
  }

  async bring(file) {
    if (!file) return;
    if (file.size > FILE_BYTES) { this.composer.warn({ tone: "bad", text: `${file.name} has ${(file.size / 1e6).toFixed(0)} MB; a conversation has 12 at most.` }); return; }
    try { this.acts.say("import", { json: JSON.parse(await file.text()) }); } catch { this.composer.warn({ tone: "bad", text: `${file.name} is no JSON.` }); }
  }

  // ── Staying at the end ──

  get pane() { return this.scroller ??= scrolls(this.root); }

  /** How far the end of the talk is below what can be seen. */
  below() { return this.talk.getBoundingClientRect().bottom - (this.pane === document.documentElement ? innerHeight : this.pane.getBoundingClientRect().bottom); }

  isDown() { return this.below() < NEAR; }

  down(smooth = false) {
    const below = this.below();
    if (below > 0) this.pane.scrollBy({ top: below, behavior: smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "instant" });
  }

  destroy() {
    clearInterval(this.clock);
    clearTimeout(this.doubt);
    cancelAnimationFrame(this.frame);
    removeEventListener("pointerdown", this.away);
    removeEventListener("pagehide", this.leaving);
    for (const answering of this.streams.values()) answering.close();
    this.acts.destroy();
    this.settings.destroy();
    this.turns.destroy();
    this.pulse.destroy();
  }
}

function scrolls(element) {
  for (let one = element.parentElement; one; one = one.parentElement) if (/auto|scroll/.test(getComputedStyle(one).overflowY)) return one;
  return document.documentElement;
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
