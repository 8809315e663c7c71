// What was said, one turn under the other. A turn that is being written grows in place; every other one is drawn anew only
// where it changed. All that a model wrote is text; its Markdown comes as a tree of allowed elements.

import { AnswerDetail } from "./answer.js";
import { Flow } from "./answering.js";
import { picture } from "./composer.js";
import { copyButton } from "./copy.js";
import { h, mark, put } from "./dom.js";
import { ABSENT, duration, rate } from "./figures.js";
import { draw } from "./markdown.js";

const WHO = { chat: { user: "You", assistant: "Model", tool: "Tool", system: "System" }, completions: { user: "Prompt", assistant: "Model", tool: "Tool", system: "System" } };
const RATE_OVER = 2; // seconds

export class Turns {
  /** `acts` are what the buttons of a turn do; see `Turn`. */
  constructor(acts) {
    this.acts = acts;
    this.turns = [];
    this.element = h("div.vc-turns", { role: "list", "aria-label": "Conversation" });
  }

  /** Show the path; a turn keeps its element for as long as it is the same message. */
  show(path, look) {
    const before = new Map(this.turns.flatMap((turn) => [[turn.node.id, turn], ...(turn.node.run ? [[turn.node.run, turn]] : [])]));
    this.turns = path.map((node, n) => {
      const turn = before.get(node.id) ?? before.get(node.run) ?? new Turn(this.acts);
      before.delete(turn.node?.id);
      before.delete(turn.node?.run);
      turn.update(node, { ...look, answered: answered(path, n) });
      return turn;
    });
    for (const turn of new Set(before.values())) if (!this.turns.includes(turn)) turn.destroy();
    this.arrange();
  }

  /** Show turns that the script has not confirmed, after the first `kept`. */
  foresee(kept, nodes, look) {
    for (const turn of this.turns.slice(kept)) turn.destroy();
    this.turns = [...this.turns.slice(0, kept), ...nodes.map((node) => {
      const turn = new Turn(this.acts);
      turn.update(node, { ...look, answered: new Set() });
      return turn;
    })];
    this.arrange();
  }

  arrange() {
    const shown = this.element.children;
    this.turns.forEach((turn, n) => { if (shown[n] !== turn.element) this.element.insertBefore(turn.element, shown[n] ?? null); });
  }

  /** The turn that a run writes. */
  of(run) { return this.turns.find((turn) => turn.node.run === run && turn.node.state === "streaming"); }

  destroy() { this.turns.forEach((turn) => turn.destroy()); }
}

/** The calls of a turn whose results are in the turns after it. */
function answered(path, n) {
  const calls = new Set();
  for (let after = n + 1; path[after]?.role === "tool"; after += 1) calls.add(path[after].call);
  return calls;
}

export class Turn {
  /** `acts`: regenerate(id, seed), continue(id), edit(id, text), select(id), remove(id), tool(id, call, text, isLast), detail(id | null), branch(id, position, token). */
  constructor(acts) {
    this.acts = acts;
    this.who = h("div.vc-who");
    this.head = h("div.vc-head");
    this.reasoned = new Flow("div.vc-flow.vc-reasoned");
    this.reasoningWords = h("span");
    this.reasoning = h("details.vc-reasoning", { hidden: true }, h("summary", {}, h("b", {}, "Reasoning"), this.reasoningWords), this.reasoned.element);
    this.reasoning.firstChild.onclick = () => { this.folded = true; };
    this.images = h("div.vc-images", { hidden: true });
    this.flow = new Flow();
    this.prose = h("div.vc-text");
    this.tools = h("div.vc-tools", { hidden: true });
    this.trouble = h("p.vc-trouble", { role: "alert", hidden: true });
    this.figures = h("dl.vc-figures", { hidden: true });
    this.notes = h("ul.vt-remarks.vc-notes");
    this.bar = h("div.vc-bar");
    this.slot = h("div.vc-detail", { hidden: true });
    this.body = h("div.vc-body", {}, this.head, this.reasoning, this.images, this.prose, this.tools, this.trouble, this.figures, this.notes, this.bar, this.slot);
    this.element = h("article.vc-turn", { role: "listitem" }, this.who, this.body);
  }

  update(node, look) {
    const key = JSON.stringify([node, look.mode, look.raw, [...look.answered]]);
    if (key === this.key) return;
    const before = this.node;
    this.key = key;
    this.node = node;
    this.look = look;
    mark(this.element, "data-role", node.role);
    mark(this.element, "data-state", node.state);
    put(this.who, (WHO[look.mode] ?? WHO.chat)[node.role]);
    this.above(node);
    const writes = node.state === "streaming";
    if (writes && (before?.state !== "streaming" || before.run !== node.run)) this.begin(node);
    if (!writes) this.finish(node, look);
    this.pictures(node.images);
    this.trouble.hidden = !node.trouble;
    put(this.trouble, node.trouble ?? "");
    this.notes.replaceChildren(...(node.notes ?? []).map(({ tone, text }) => h("li", { "data-tone": tone }, text)));
    this.buttons(node);
  }

  /** Where an answer comes from, what was changed for it, and its sisters. */
  above({ role, where, changed, position, before, after }) {
    const [k, n] = position ?? [1, 1];
    const step = (sign, words, id) => icon(sign, words, () => this.acts.select(id), { disabled: !id });
    this.head.replaceChildren(
      ...(role === "assistant" && where ? [h("span", {}, where)] : []),
      ...(changed ?? []).map((one) => h("span.vc-changed", {}, one)),
      ...(n > 1 ? [h("span.vc-sisters", { role: "group", "aria-label": "Branches" }, step("chevron_left", "Branch before", before), h("span", {}, `${k} of ${n}`), step("chevron_right", "Branch after", after))] : []));
  }

  // ── While it is written ──

  begin(node) {
    this.finished = null;
    this.edited = false;
    this.folded = false;
    this.calls = new Map();
    this.moments = [];
    this.tokens = 0;
    this.first = this.at = null;
    // What stood there before (an answer that goes on); the stream brings the rest, from its beginning.
    this.flow.clear(node.text);
    this.reasoned.clear(node.reasoning ?? "");
    this.prose.replaceChildren(this.flow.element);
    this.reasoning.hidden = !node.reasoning;
    this.tools.replaceChildren();
    this.tools.hidden = true;
    this.detail(undefined);
    this.begun = performance.now();
    this.measure();
  }

  /** What stands on the screen of an answer that is being written. */
  get written() { return { text: this.flow.text, reasoning: this.reasoned.text }; }

  /** What the stream brought; the caller sees to it that this happens once a frame. */
  grow(parts) {
    let content = "", reasoning = "";
    for (const { at, c, r, t, k } of parts) {
      if (c) content += c;
      if (r) reasoning += r;
      for (const [index, id, name, text] of t ?? []) this.call(index, id, name, text);
      if (c || r || t?.length) {
        this.first ??= at;
        this.tokens = k ?? this.tokens + 1;
        this.counted = k !== undefined && k !== null;
      }
      this.at = at;
      this.moments.push([at, this.tokens]);
    }
    while (this.moments.length > 2 && this.moments[1][0] < this.at - RATE_OVER) this.moments.shift();
    if (reasoning) {
      this.reasoning.hidden = false;
      if (!this.folded) this.reasoning.open = true;
      put(this.reasoningWords, "thinking …");
      this.reasoned.add(reasoning);
      this.reasoned.element.scrollTop = this.reasoned.element.scrollHeight;
    }
    if (content) {
      if (!this.folded) this.reasoning.open = false;
      put(this.reasoningWords, "");
      this.flow.add(content);
    }
    this.measure();
  }

  call(index, id, name, text) {
    let call = this.calls.get(index);
    if (!call) {
      call = { name: h("b"), text: new Flow("div.vc-flow.vc-json") };
      this.calls.set(index, call);
      this.tools.hidden = false;
      this.tools.append(h("div.vc-call", {}, h("div.vc-call-head", {}, "calls ", call.name), call.text.element));
    }
    if (name) put(call.name, call.name.textContent + name);
    if (text) call.text.add(text);
  }

  /** The figures that are known already, in the places of the final ones. */
  measure() {
    const now = (performance.now() - this.begun) / 1000;
    const [[since, from] = [], last] = [this.moments[0], this.moments.at(-1)];
    const pace = last && last[0] > since ? (last[1] - from) / (last[0] - since) : null;
    const rows = [["TTFT", this.first === null ? ABSENT : duration(this.first), "Until the first piece of text, reasoning or tool call arrived"],
      ["Tokens/s", pace === null ? ABSENT : rate(pace), `Over the last ${RATE_OVER} s`],
      ["So far", duration(now), "Since the request was sent"],
      [this.counted || !this.tokens ? "Answer" : "Pieces", String(this.tokens), this.counted ? "Tokens of the answer so far, as the server counts them" : "Pieces so far: this server counts its tokens only at the end"]];
    if (!this.live) this.live = rows.map(() => h("div", {}, h("dd"), h("dt")));
    if (this.figures.firstChild !== this.live[0]) this.figures.replaceChildren(...this.live);
    rows.forEach(([label, value, hint], n) => { put(this.live[n].firstChild, value); put(this.live[n].lastChild, label); mark(this.live[n], "title", hint); });
    this.figures.hidden = false;
  }

  // ── When it stands ──

  finish(node, look) {
    const written = JSON.stringify([node.text, node.markdown, look.raw]);
    if (!this.edited && written !== this.finished) {
      this.finished = written;
      const plain = look.raw || !node.markdown || node.role !== "assistant";
      if (plain) this.flow.clear(node.text);
      this.prose.replaceChildren(plain ? this.flow.element : draw(node.markdown));
      mark(this.prose, "data-empty", node.text ? null : "");
    }
    if (this.reasoned.text !== node.reasoning) this.reasoned.clear(node.reasoning ?? "");
    this.reasoning.hidden = !node.reasoning;
    put(this.reasoningWords, node.reasoning_words ?? "");
    const figures = node.figures ?? [];
    this.figures.hidden = !figures.length;
    this.figures.replaceChildren(...figures.map(({ label, value, hint, tone }) => h("div", { title: hint || null, "data-tone": tone || null }, h("dd", {}, value), h("dt", {}, label))));
    this.called(node, look.answered);
  }

  called({ id, tools, call, role }, done) {
    this.tools.hidden = !(tools?.length || (role === "tool" && call));
    const left = (tools ?? []).filter((one) => !done.has(one.id));
    this.tools.replaceChildren(...(role === "tool" ? [h("div.vc-call-head", {}, "result of ", h("code", {}, call))] : []), ...(tools ?? []).map((one) => {
      const area = h("textarea.vc-area", { "aria-label": `Result of ${one.name}`, rows: 1, placeholder: "Paste the result of this call here", spellcheck: "false" });
      const give = () => this.acts.tool(id, one.id, area.value, left.length === 1);
      return h("div.vc-call", {}, h("div.vc-call-head", {}, "calls ", h("b", {}, one.name), h("code", {}, one.id)),
        h("pre.vc-json", { tabindex: 0 }, pretty(one.arguments)),
        done.has(one.id) ? null : h("div.vc-result", {}, area, h("button.vi-button", { type: "button", onclick: give }, left.length === 1 ? "Send the result" : "Keep the result")));
    }));
  }

  pictures(images) {
    this.images.hidden = !images?.length;
    if (this.pictured === JSON.stringify(images)) return;
    this.pictured = JSON.stringify(images);
    this.images.replaceChildren(...(images ?? []).map(picture));
  }

  buttons(node) {
    const { id, may = {}, state, role } = node;
    if (state === "streaming" || !id) { this.bar.replaceChildren(); return; }
    const word = (sign, text, hint, onclick, more = {}) => h("button.vc-word", { type: "button", title: hint, onclick, ...more }, h("span.vi-icon", { "aria-hidden": "true" }, sign), text);
    const isAnswer = role === "assistant";
    this.opener = role === "assistant" ? word("timeline", "Details", "Where the time went, token by token; the request and the answer as they were sent", () => this.acts.detail(this.slot.hidden ? id : null), { "aria-expanded": String(!this.slot.hidden) }) : null;
    this.bar.replaceChildren(...[
      this.opener,
      may.regenerate && word("refresh", isAnswer ? "Regenerate" : "Ask", isAnswer ? "Another answer, with another seed; this one stays as a branch" : "Ask for an answer to this", () => this.acts.regenerate(id, "new")),
      may.regenerate && isAnswer && word("replay", "Same seed", "Another answer with the same seed: is it the same?", () => this.acts.regenerate(id, "same")),
      may.continue && word("last_page", "Continue", "Let the model go on where this answer ends", () => this.acts.continue(id)),
      h("span.vc-quiet-acts", {},
        copyButton(() => this.node.text, "this text"),
        may.edit && icon("edit", role === "user" ? "Edit: a new branch, sent again" : "Edit: a new branch with your text", () => this.edit()),
        icon("delete", "Remove this and what follows it", () => this.acts.remove(id))),
    ].filter(Boolean));
  }

  /** Change the text in place. */
  edit() {
    const sends = this.node.role === "user";
    const area = h("textarea.vc-area", { "aria-label": "Edit the message", spellcheck: "false", dir: "auto" });
    area.value = this.node.text;
    const done = () => { this.edited = false; this.finished = null; this.finish(this.node, this.look); };
    const save = () => { const text = area.value; done(); if (text !== this.node.text || sends) this.acts.edit(this.node.id, text); };
    area.onkeydown = (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") { event.stopPropagation(); done(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); }
    };
    this.edited = true;
    this.prose.replaceChildren(h("div.vc-edit", {}, area, h("div.vc-row", {},
      h("button.vi-button.vc-primary", { type: "button", onclick: save, title: "Ctrl+Enter" }, sends ? "Send as a new branch" : "Keep as a new branch"),
      h("button.vi-button", { type: "button", onclick: done }, "Cancel"))));
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  /** What is known of this answer; null while it is being read, undefined to close it. */
  detail(detail) {
    const open = detail !== undefined;
    this.slot.hidden = !open;
    if (this.opener) mark(this.opener, "aria-expanded", String(open));
    if (!open) { this.inside?.destroy(); this.inside = null; this.slot.replaceChildren(); return; }
    if (!this.inside) {
      this.inside = new AnswerDetail({ pickAlternative: (position, token) => this.acts.branch(this.node.id, position, token) });
      this.slot.replaceChildren(this.inside.element);
    }
    this.inside.update(detail);
  }

  destroy() {
    this.inside?.destroy();
    this.element.remove();
  }
}

export function icon(sign, words, onclick, more = {}) {
  return h("button.vc-icon", { type: "button", title: words, "aria-label": words, onclick, ...more }, h("span.vi-icon", { "aria-hidden": "true" }, sign));
}

/** JSON laid out for reading, if that changes no value: numbers of more digits than a browser holds stay as they came. */
function pretty(text) {
  if (/\d{15}/.test(text)) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
