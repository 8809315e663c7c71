// Answers side by side: up to three servers, models or settings get the same question at once; then their figures and texts
// beside each other. The answers stream into their lanes; figures and differences come from the script when all are over.

import { Acts } from "./acts.js";
import { Answering, Flow, runId } from "./answering.js";
import { h, mark, place, put, state } from "./dom.js";
import { sheet } from "./sheet.js";

sheet("tokens.css", import.meta.url);
sheet("answer.css", import.meta.url);

const MOST = 3;
const TYPING_MS = 600;
const STATES = { __proto__: null, waiting: ["unknown", "waiting"], streaming: ["good", "writing"], done: ["good", "done"], stopped: ["off", "stopped"], failed: ["bad", "failed"] };
const MARKS = { __proto__: null, same: "same", out: "first", first: "first", in: "second", second: "second" };
const LETTERS = "ABC";

export class Lanes {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.acts = new Acts((act) => this.page.send("act", act), () => ({}));
    this.lanes = [];
    this.row = h("div.va-lanes");
    this.text = h("textarea.va-field", { "aria-label": "Question for all", placeholder: "One question for all of them", dir: "auto", oninput: () => this.typed() });
    this.go = h("button.vi-button.va-go", { type: "button", onclick: () => this.run() }, "Ask all");
    this.halt = h("button.vi-button", { type: "button", hidden: true, onclick: () => this.acts.say("stop") }, "Stop all");
    this.plus = h("button.vi-button", { type: "button", onclick: () => this.add() }, h("span.vi-icon", { "aria-hidden": "true" }, "add"), "Lane");
    this.words = h("span", { role: "status" });
    this.result = h("div.va-result", { hidden: true });
    root.replaceChildren(h("section.va-side", { "aria-label": "Side by side" }, this.text, this.row,
      h("div.va-acts", {}, this.go, this.halt, this.plus, this.words), this.result));
    this.update(page.data);
  }

  update(data) {
    this.data = data;
    this.acts.done(data.seq ?? 0);
    // What is on screen is newer than what the script says as long as it has not read it.
    if (!this.acts.awaits("lanes") && !this.timer) this.take(data);
    if (!this.acts.awaits("run") && !this.acts.awaits("lanes")) this.hear(data);
    this.text.hidden = typeof data.text !== "string";
    if (typeof data.text === "string" && document.activeElement !== this.text && !this.acts.awaits("lanes") && !this.timer) this.text.value = data.text;
    this.draw(data);
    this.turn();
  }

  take({ lanes = [] }) {
    while (this.lanes.length > lanes.length) this.lanes.pop().destroy();
    lanes.forEach((lane, n) => {
      this.lanes[n] ??= new Lane(this, n);
      this.lanes[n].take(lane, this.data);
    });
    this.arrange();
  }

  arrange() {
    place(this.row, this.lanes.map((lane) => lane.element));
    this.row.style.setProperty("--lanes", Math.max(1, this.lanes.length));
    this.lanes.forEach((lane, n) => lane.place(n, this.lanes.length));
  }

  /** Follow the runs: what is being written streams, what is over is as the script says. */
  hear({ runs = [], stream = "inspector/answer", ticket }) {
    this.lanes.forEach((lane, n) => lane.hear(runs[n] ?? null, stream, ticket));
  }

  /** What can be pressed now. */
  turn() {
    const live = this.lanes.some((lane) => lane.isLive) || this.acts.awaits("run");
    this.go.disabled = live || !this.lanes.length || this.lanes.some((lane) => lane.problem) || (!this.text.hidden && !this.text.value.trim());
    this.halt.hidden = !live;
    this.plus.hidden = live || this.lanes.length >= (this.data.most ?? MOST);
    mark(this.row, "data-live", live ? "" : null);
    put(this.words, live ? "" : this.data.words || `Costs ${this.lanes.length === 1 ? "one answer" : `${this.lanes.length} answers, one in each lane`}.`);
  }

  // ── What a person does ──

  get chosen() { return this.lanes.map((lane) => lane.chosen); }

  get told() { return { lanes: this.chosen, ...(this.text.hidden ? {} : { text: this.text.value }) }; }

  say() {
    clearTimeout(this.timer);
    this.timer = null;
    this.acts.say("lanes", { ...this.told, runs: this.lanes.map((lane) => lane.run?.run ?? "") });
  }

  /** Not with every letter. */
  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.say(), TYPING_MS);
    this.turn();
  }

  add() {
    const last = this.chosen.at(-1);
    const [first] = this.data.servers ?? [];
    const lane = new Lane(this, this.lanes.length);
    lane.take(last ? { ...last, problem: "" } : { server: first?.name ?? "", model: first?.models[0] ?? "", overrides: "" }, this.data);
    this.lanes.push(lane);
    this.arrange();
    this.say();
    lane.overrides.focus();
  }

  leave(lane) {
    this.lanes = this.lanes.filter((one) => one !== lane);
    lane.destroy();
    this.arrange();
    this.say();
    this.turn();
  }

  run() {
    if (this.go.disabled) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.result.hidden = true;
    const runs = this.lanes.map(() => runId());
    this.acts.say("run", { ...this.told, runs });
    const { stream = "inspector/answer", ticket } = this.data;
    this.lanes.forEach((lane, n) => lane.hear({ run: runs[n], state: "waiting" }, stream, ticket));
    this.turn();
  }

  ended(run) {
    this.acts.say("ended", { run });
    this.turn();
  }

  denied() { this.page.send("ticket", Date.now()); }

  // ── What came of it ──

  draw({ figures, diff }) {
    const key = JSON.stringify([figures, diff]);
    // The table has the figures of every lane.
    mark(this.row, "data-told", figures?.rows?.length ? "" : null);
    const live = this.lanes.some((lane) => lane.isLive);
    this.result.hidden = live || !(figures?.rows?.length || diff?.length);
    if (key === this.drawn) return;
    this.drawn = key;
    this.result.replaceChildren(...[figures?.rows?.length && this.table(figures), diff?.some(([op]) => op !== "same") && this.differences(diff)].filter(Boolean));
  }

  table({ header, rows }) {
    return h("div.vi-scroll", {}, h("table.vi-table", { "aria-label": "Figures side by side" },
      h("thead", {}, h("tr", {}, ...header.map((one, n) => h(n ? "th.vi-number" : "th", { scope: "col" }, h("bdi", {}, one))))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((one, n) => h(n ? "td.vi-number" : "th", n ? {} : { scope: "row" }, h("bdi", {}, one ?? "–"))))))));
  }

  differences(diff) {
    const parts = diff.map(([op, text]) => {
      const kind = MARKS[op] ?? "same";
      return kind === "same" ? h("span", {}, text) : h(kind === "first" ? "del" : "ins", {}, text);
    });
    return h("section", { "aria-label": "Differences" }, h("h3", {}, "Where the texts differ"),
      h("p.vi-legend.va-diff", {}, h("span", {}, h("del", {}, "A"), "only in the first"), h("span", {}, h("ins", {}, "B"), "only in the second")),
      h("p.va-diff", { dir: "auto" }, ...parts));
  }

  destroy() {
    clearTimeout(this.timer);
    this.acts.destroy();
    this.lanes.forEach((lane) => lane.destroy());
  }
}

class Lane {
  constructor(side, n) {
    this.side = side;
    this.letter = h("b", { "aria-hidden": "true" });
    this.whose = h("select.vt-select", { onchange: () => this.side.say() });
    this.close = h("button.vt-close", { type: "button", title: "Leave this one out", onclick: () => this.side.leave(this) }, h("span.vi-icon", { "aria-hidden": "true" }, "close"));
    this.overrides = h("input.va-field", { type: "text", spellcheck: "false", autocomplete: "off", placeholder: "as in the settings; or: temperature 0.2, seed 7", oninput: () => this.side.typed(), onchange: () => this.side.say() });
    this.trouble = h("p.va-problem", { role: "alert" });
    this.state = h("p.va-lane-state");
    this.flow = new Flow("div.va-lane-text");
    this.figures = h("dl.va-lane-figures");
    this.held = [];
    this.element = h("section.va-lane", {}, h("div.va-lane-head", {}, this.letter, this.whose, this.close), this.overrides, this.trouble,
      this.state, this.flow.element, this.figures);
    this.flow.element.tabIndex = 0;
    this.place(n, n + 1);
  }

  place(n, of) {
    put(this.letter, LETTERS[n] ?? `${n + 1}`);
    this.element.style.setProperty("--lane", `var(--vi-s${n})`);
    mark(this.element, "aria-label", `Lane ${LETTERS[n] ?? n + 1}`);
    mark(this.whose, "aria-label", `Server and model of lane ${LETTERS[n] ?? n + 1}`);
    mark(this.overrides, "aria-label", `Other settings of lane ${LETTERS[n] ?? n + 1}`);
    mark(this.close, "aria-label", `Leave lane ${LETTERS[n] ?? n + 1} out`);
    this.close.hidden = of < 2;
  }

  get chosen() {
    const [server, model] = JSON.parse(this.whose.value || '["",""]');
    return { server, model, overrides: this.overrides.value };
  }

  get isLive() { return Boolean(this.answering && !this.answering.over); }

  /** What the script says of it. */
  take({ server, model, overrides = "", problem = "" }, { servers = [] }) {
    const known = servers.flatMap(({ name, models }) => (models.length ? models : [""]).map((one) => [name, one]));
    if (!known.some(([name, one]) => name === server && one === model)) known.unshift([server, model]);
    const key = JSON.stringify([known, server, model]);
    if (key !== this.listed) {
      this.whose.replaceChildren(...known.map(([name, one]) => h("option", { value: JSON.stringify([name, one]), selected: name === server && one === model }, one ? `${name} · ${one}` : name)));
      this.listed = key;
    }
    if (document.activeElement !== this.overrides) this.overrides.value = overrides;
    this.problem = problem;
    mark(this.overrides, "aria-invalid", problem ? "true" : null);
    put(this.trouble, problem);
  }

  // ── Its answer ──

  hear(run, stream, ticket) {
    const changed = run?.run !== this.run?.run;
    if (changed) { this.hush(); this.flow.clear(); this.end = null; }
    this.run = run;
    if (!run) { this.figures.replaceChildren(); this.say(); return; }
    const writes = run.state === "waiting" || run.state === "streaming";
    if (writes && !this.end) {
      this.answering ??= new Answering(run.run, this);
      this.answering.aim(stream, ticket);
    } else if (!writes) {
      this.hush();
      if (this.flow.text !== (run.text ?? "")) this.flow.clear(run.text ?? "");
    }
    this.figures.replaceChildren(...(run.figures ?? []).map(({ label, value, hint, tone }) => h("div", { title: hint || null, "data-tone": tone || null }, h("dd", {}, value), h("dt", {}, label))));
    this.say(run.trouble);
  }

  say(trouble = "") {
    const told = this.end?.state ?? this.run?.state;
    const [tone, words] = STATES[told] ?? ["unknown", ""];
    this.state.replaceChildren(...(told ? [state(tone, words), trouble || this.end?.sentence ? `: ${trouble || this.end.sentence}` : ""] : []));
    mark(this.element, "data-live", this.isLive ? "" : null);
  }

  /** Once a frame is enough, however fast it comes. */
  arrived(_, parts) {
    this.held.push(...parts);
    this.frame ??= requestAnimationFrame(() => this.grow());
  }

  grow() {
    this.frame = undefined;
    const text = this.held.map(({ c }) => c ?? "").join("");
    const thinks = !this.flow.text && !text && this.held.some(({ r }) => r);
    this.held = [];
    const box = this.flow.element, follows = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    if (text) this.flow.add(text);
    if (follows) box.scrollTop = box.scrollHeight;
    if (this.run?.state === "waiting") { this.run = { ...this.run, state: "streaming" }; this.say(); }
    if (thinks) this.state.replaceChildren(state("good", "reasoning"));
    else if (text) this.say();
  }

  ended(answering, end) {
    this.end = end;
    if (this.frame) { cancelAnimationFrame(this.frame); this.grow(); }
    this.say();
    this.side.ended(answering.run);
  }

  denied() { this.side.denied(); }

  broken(is) { if (is) put(this.state, "The dashboard does not answer; trying again."); else this.say(); }

  hush() {
    this.answering?.close();
    this.answering = null;
    if (this.frame) cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.held = [];
  }

  destroy() {
    this.hush();
    this.element.remove();
  }
}
