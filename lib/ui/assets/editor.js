// What a person types: a text, or the messages of a chat with what a template takes. It is never changed from outside
// while somebody types, so that focus, caret and undo stay; only a text put there on purpose replaces it.

import { h, mark, put } from "./dom.js";

const PAUSE_MS = 150, LONG_PAUSE_MS = 500, LONG = 60_000;
const MOST_SENT = 2_000_000;

export class Editor {
  /** `say` gets what is typed after a pause, or null where it is too much; `begin` is called when typing begins. */
  constructor(data, say, begin) {
    this.say = say;
    this.begin = begin;
    this.roles = data.roles;
    this.area = this.textarea("Text", "Type or paste a text", data.typed.text);
    this.area.classList.add("vt-area");
    this.examples = h("select.vt-select", { "aria-label": "Put an example there" }, h("option", { value: "" }, "Examples …"),
      ...data.examples.map(({ name }, n) => h("option", { value: String(n) }, name)));
    this.examples.onchange = () => this.example(data.examples[Number(this.examples.value)]);
    this.price = h("input.vt-price", { "aria-label": "Price per million tokens", placeholder: "price", inputmode: "decimal", maxlength: 12, size: 5 });
    this.price.oninput = () => this.later();
    this.boxes = Object.fromEntries([["special", "Added tokens", "Let the server add its own tokens (add_special_tokens)"],
      ["generation", "Generation prompt", "Let the template open the answer (add_generation_prompt)"],
      ["continued", "Continue the last message", "Leave the last message open (continue_final_message)"]].map(([key, words, hint]) => {
      const box = h("input", { type: "checkbox" });
      box.onchange = () => { if (box.checked && key === "continued") this.boxes.generation.box.checked = false;
        if (box.checked && key === "generation") this.boxes.continued.box.checked = false;
        this.now(); };
      return [key, { box, label: h("label", { title: hint }, box, words) }];
    }));
    this.tools = this.textarea("Tools, a JSON list", '[{"type": "function", "function": {"name": "…", "parameters": {}}}]', "");
    this.options = this.textarea("Template arguments, a JSON object", '{"enable_thinking": false}', "");
    this.rows = h("div.vt-messages", { role: "list", "aria-label": "Messages" });
    const add = h("button.vi-button", { type: "button", onclick: () => { this.row({ role: this.next(), content: "" }).querySelector("textarea").focus(); this.now(); } }, "Add message");
    this.more = h("details.vt-more", {}, h("summary", {}, "Tools and template arguments"),
      h("div.vt-options", {}, h("label", {}, "Tools", this.tools), h("label", {}, "Template arguments", this.options)));
    this.chat = h("div.vt-chat", { hidden: true }, this.rows, h("div.vt-under", {}, add, this.boxes.generation.label, this.boxes.continued.label), this.more);
    this.plain = h("div.vt-plain", {}, this.area, h("div.vt-under", {}, this.boxes.special.label, this.examples));
    this.note = h("p.vi-note", { role: "status" });
    this.element = h("section.vt-editor", { "aria-label": "What is typed" }, this.plain, this.chat, this.note);
    this.take(data.typed);
  }

  textarea(label, placeholder, value) {
    const area = h("textarea", { "aria-label": label, placeholder, spellcheck: "false", autocomplete: "off", autocapitalize: "off", dir: "auto", rows: 1 });
    area.value = value;
    area.oninput = () => this.later();
    return area;
  }

  /** Put a text there that was not typed here. */
  take(typed) {
    this.is_chat = typed.is_chat;
    if (this.area.value !== typed.text) this.area.value = typed.text;
    this.tools.value = typed.tools;
    this.options.value = typed.arguments;
    this.price.value = typed.cost;
    for (const [key, { box }] of Object.entries(this.boxes)) box.checked = typed[key];
    this.rows.replaceChildren();
    typed.messages.forEach((message) => this.row(message));
    this.turn();
  }

  row({ role, content }) {
    const select = h("select.vt-select", { "aria-label": "Role" }, ...this.roles.map((one) => h("option", { selected: one === role }, one)));
    select.onchange = () => this.now();
    const area = this.textarea("Message", "", content);
    const away = h("button.vt-close", { type: "button", title: "Take the message away", "aria-label": "Take the message away",
      onclick: () => { row.remove(); this.number(); this.now(); } }, h("span.vi-icon", { "aria-hidden": "true" }, "close"));
    const row = h("div.vt-message", { role: "listitem" }, select, area, h("span.vt-cost", { title: "Tokens of the message itself, and of the template before it" }), away);
    this.rows.append(row);
    this.number();
    return row;
  }

  number() { [...this.rows.children].forEach((row, n) => mark(row, "data-owner", n)); }

  next() {
    const last = this.rows.lastElementChild?.querySelector("select").value;
    return last === "user" ? "assistant" : "user";
  }

  /** What the script found out: the tokens of each message. */
  know(data) {
    const costs = data.costs ?? [];
    [...this.rows.children].forEach((row, n) => put(row.querySelector(".vt-cost"), data.typed.is_chat && costs[n] ? costs[n] : ""));
  }

  mode(is_chat) {
    if (is_chat === this.is_chat) return;
    this.is_chat = is_chat;
    this.turn();
    this.now();
  }

  turn() {
    this.plain.hidden = this.is_chat;
    this.chat.hidden = !this.is_chat;
  }

  example(one) {
    this.examples.value = "";
    if (!one) return;
    this.area.focus();
    this.area.select();
    // The old way, because it alone keeps undo.
    if (!document.execCommand("insertText", false, one.text)) { this.area.value = one.text; this.now(); }
    this.area.scrollTop = 0;
  }

  typed() {
    return {
      is_chat: this.is_chat,
      text: this.area.value,
      messages: [...this.rows.children].map((row) => ({ role: row.querySelector("select").value, content: row.querySelector("textarea").value })),
      tools: this.tools.value,
      arguments: this.options.value,
      cost: this.price.value,
      ...Object.fromEntries(Object.entries(this.boxes).map(([key, { box }]) => [key, box.checked])),
    };
  }

  /** Whether something is typed that has not been said yet. */
  get pending() { return this.timer !== undefined; }

  later() {
    clearTimeout(this.timer);
    this.begin();
    this.timer = setTimeout(() => this.now(), this.area.value.length > LONG ? LONG_PAUSE_MS : PAUSE_MS);
  }

  now() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const typed = this.typed();
    const size = typed.text.length + typed.messages.reduce((sum, { content }) => sum + content.length, 0);
    const much = size > MOST_SENT;
    put(this.note, much ? `${(size / 1e6).toFixed(1)} million characters are more than any server is sent; the tokens below are those of before.` : "");
    this.say(much ? null : typed);
  }

  destroy() { clearTimeout(this.timer); }
}
