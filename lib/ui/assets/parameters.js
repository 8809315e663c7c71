// How the model is asked: system prompt, sampling, the form of the answer, tools. Only what is changed is sent; an empty
// field shows what the server does by itself.

import { h, mark, place, put } from "./dom.js";

const PAUSE_MS = 400;
const KINDS = { "": ["free text", ""], json: ["JSON schema", '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'], json_object: ["Any JSON object", ""],
  regex: ["Regular expression", "(yes|no)"], choice: ["One of these, one a line", "positive\nnegative"], grammar: ["Grammar (EBNF)", 'root ::= "yes" | "no"'] };
const TOOLS = '[{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]';

export class Parameters {
  /** `changed` is called after what is set has changed, and somebody has paused typing. */
  constructor(data, changed) {
    this.changed = changed;
    this.fields = new Map();
    this.rest = {};
    this.count = h("span.vi-quiet");
    this.reset = h("button.vc-word", { type: "button", title: "Let the server decide about everything", onclick: () => this.clear() }, "Reset");
    this.system = area("System prompt", "None: the chat template's own, if it has one");
    this.table = h("div.vc-groups");
    this.filter = h("input.vc-filter", { type: "search", placeholder: "Find a parameter", "aria-label": "Find a parameter" });
    this.filter.oninput = () => this.find(this.filter.value);
    this.logprobs = h("input", { type: "checkbox" });
    this.top = h("input.vc-number", { type: "text", inputmode: "numeric", "aria-label": "Alternatives for each token", maxlength: 3 });
    this.kind = h("select.vt-select", { "aria-label": "Form of the answer" }, ...Object.entries(KINDS).map(([key, [words]]) => h("option", { value: key }, words)));
    this.form = area("What the answer has to be", "");
    this.tools = area("Tools", TOOLS, "vc-code");
    this.choice = h("input.vc-text", { type: "text", placeholder: "auto", list: "vc-choices", "aria-label": "Tool choice", maxlength: 200, spellcheck: "false" });
    this.template = area("Template arguments", '{"enable_thinking": false}', "vc-code");
    this.extra = area("Extra JSON", '{"min_tokens": 8}', "vc-code");
    mark(this.form, "spellcheck", "false");
    this.problems = {};
    this.element = h("aside.vc-panel", { "aria-label": "Settings" },
      h("div.vc-panel-head", {}, h("h2", {}, "Settings"), this.count, this.reset),
      this.chatOnly(this.field("system", "System prompt", this.system)),
      this.field("logprobs", null, h("label.vc-check", { title: "Ask for the probability of every token, and of the ones that were not taken" }, this.logprobs, "Token probabilities, top", this.top)),
      this.filter, this.table,
      this.fold("Form of the answer", "structured", this.field("structured", null, this.kind, this.form)),
      this.chatOnly(this.fold("Tools", "tools", this.field("tools", "Definitions, a JSON list", this.tools), this.field("tool_choice", "Tool choice: auto, none, required or a name", this.choice,
        h("datalist", { id: "vc-choices" }, ...["auto", "none", "required"].map((value) => h("option", { value })))))),
      this.chatOnly(this.fold("Template arguments", "template", this.field("template", "A JSON object for the chat template", this.template))),
      this.fold("Extra JSON", "extra", this.field("extra", "Merged into the request, after everything else", this.extra)));
    this.element.oninput = (event) => { if (event.target !== this.filter) this.touch(); };
    this.element.onchange = (event) => { if (event.target !== this.filter) this.touch(0); };
    this.list(data.parameters);
    this.take(data.settings);
  }

  // ── How it is built ──

  field(name, label, ...controls) {
    const problem = h("p.vc-problem", { role: "alert", hidden: true });
    (this.said ??= new Map()).set(name, problem);
    return h("div.vc-field", {}, label ? h("span.vc-label", {}, label) : null, ...controls, problem);
  }

  fold(title, name, ...fields) {
    const mark = h("span.vc-set", { hidden: true }, "set");
    (this.marks ??= new Map()).set(name, mark);
    return h("details.vc-fold", { "data-fold": name }, h("summary", {}, title, mark), ...fields);
  }

  chatOnly(element) {
    (this.ofChat ??= []).push(element);
    return element;
  }

  /** The fields that a server has. One that is there already only changes its words: somebody may be typing in it. */
  list(parameters) {
    const key = JSON.stringify(parameters);
    if (key === this.listed) return;
    this.listed = key;
    const groups = Map.groupBy ? Map.groupBy(parameters, ({ group }) => group) : grouped(parameters);
    const had = this.fields, folds = this.folds;
    this.fields = new Map();
    this.folds = new Map([...groups.keys()].map((group, n) => [group, folds?.get(group) ?? this.group(group, !folds && n === 0)]));
    for (const [group, rows] of groups) {
      const { element, summary, count } = this.folds.get(group);
      place(element, [summary, ...rows.map((row) => this.row(row, count, had.get(row.name)))]);
    }
    place(this.table, [...this.folds.values()].map(({ element }) => element));
    this.look();
    if (this.filter.value) this.find(this.filter.value);
  }

  group(name, open) {
    const count = h("span.vc-set", { hidden: true });
    const summary = h("summary", {}, name, count);
    return { summary, count, element: h("details.vc-fold", { "data-fold": name, open }, summary) };
  }

  row(parameter, count, had) {
    const { name, label, kind, modes, tip } = parameter;
    const field = had && had.isLong === isLong(kind) ? had : this.parameter(isLong(kind));
    Object.assign(field, { parameter, count, modes: new Set(modes ?? []), words: `${label} ${name} ${tip}`.toLowerCase() });
    if (had && field !== had) field.input.value = had.input.value;
    dress(field);
    this.fields.set(name, field);
    return field.row;
  }

  /** The elements of a field; what they say follows. */
  parameter(long) {
    const input = long ? area("", "", "vc-code") : h("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: 20000 });
    const away = h("button.vc-icon", { type: "button", onclick: () => { input.value = ""; this.touch(0); input.focus(); } }, h("span.vi-icon", { "aria-hidden": "true" }, "close"));
    const label = h("span.vc-label"), choices = h("datalist"), problem = h("p.vc-problem", { role: "alert", hidden: true });
    const field = { input, away, label, choices, problem, isLong: long, row: h("div.vc-parameter", {}, label, input, away, choices, problem) };
    input.onkeydown = (event) => this.turn(event, input, field.parameter);
    return field;
  }

  /** Arrow keys turn a number, without the spinners and the lost digits of a number field. */
  turn(event, input, { kind, least, most, step, default: own }) {
    if (!isNumber(kind)) return;
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const now = input.value.trim() === "" ? Number.parseFloat(String(own).match(/-?[\d.]+(?!.*[\d.])/)?.[0] ?? least ?? 0) : Number(input.value);
    if (!Number.isFinite(now)) return;
    const digits = Math.max(0, -Math.floor(Math.log10(step || 1)));
    const next = Math.min(most ?? Infinity, Math.max(least ?? -Infinity, now + way * (step || 1) * (event.shiftKey ? 10 : 1)));
    input.value = String(Number(next.toFixed(digits)));
    this.touch();
  }

  // ── What is set ──

  take(settings) {
    const { system, parameters, extra, structured, tools, tool_choice: choice, template, logprobs, top } = this.rest = settings;
    const form = structured ?? {};
    for (const [control, value] of [[this.system, system], [this.extra, extra], [this.tools, tools], [this.choice, choice === "auto" ? "" : choice], [this.template, template], [this.kind, form.kind], [this.form, form.text], [this.top, top]]) control.value = value ?? "";
    this.logprobs.checked = Boolean(logprobs);
    for (const [name, { input }] of this.fields) input.value = parameters?.[name] ?? "";
    this.look();
    for (const fold of this.element.querySelectorAll(".vc-fold")) if (fold.querySelector(".vc-set:not([hidden])")) fold.open = true;
  }

  read() {
    const parameters = {};
    for (const [name, { input }] of this.fields) if (input.value.trim()) parameters[name] = input.value;
    return { ...this.rest, system: this.system.value, parameters, extra: this.extra.value, structured: { kind: this.kind.value, text: this.form.value }, tools: this.tools.value,
      tool_choice: this.choice.value, template: this.template.value, logprobs: this.logprobs.checked, top: Number.parseInt(this.top.value, 10) || 0 };
  }

  /** Another mode has other fields. */
  mode(mode) {
    this.rest = { ...this.rest, mode };
    for (const element of this.ofChat) element.hidden = mode !== "chat";
    for (const { row, modes } of this.fields.values()) row.hidden = modes.size > 0 && !modes.has(mode);
    for (const group of this.table.children) group.hidden = ![...group.querySelectorAll(".vc-parameter")].some((row) => !row.hidden);
  }

  /** What the script says of it. */
  know({ parameters, problems, mode }) {
    this.list(parameters);
    this.mode(mode);
    this.problems = problems ?? {};
    for (const [name, problem] of [...this.said, ...[...this.fields].map(([name, field]) => [name, field.problem])]) {
      const words = this.problems[name];
      problem.hidden = !words;
      put(problem, words ?? "");
      if (words) problem.closest("details")?.setAttribute("open", "");
    }
  }

  touch(pause = PAUSE_MS) {
    this.look();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed(), pause);
  }

  clear() {
    this.take({ ...this.rest, system: "", parameters: {}, extra: "", structured: { kind: "", text: "" }, tools: "", tool_choice: "", template: "" });
    this.touch(0);
  }

  /** Show what is set and how many. */
  look() {
    const counts = new Map();
    let all = 0;
    for (const { input, row, count } of this.fields.values()) {
      const set = Boolean(input.value.trim());
      mark(row, "data-set", set ? "" : null);
      counts.set(count, (counts.get(count) ?? 0) + set);
      all += set;
    }
    for (const [count, n] of counts) { count.hidden = !n; put(count, `${n} set`); }
    const set = { structured: this.kind.value, tools: this.tools.value.trim(), template: this.template.value.trim(), extra: this.extra.value.trim() };
    for (const [name, value] of Object.entries(set)) { this.marks.get(name).hidden = !value; all += Boolean(value); }
    all += Boolean(this.system.value.trim());
    put(this.count, all ? `${all} set` : "the server’s own");
    this.reset.hidden = !all;
    this.form.hidden = !KINDS[this.kind.value]?.[1];
    mark(this.form, "placeholder", KINDS[this.kind.value]?.[1] ?? "");
  }

  find(text) {
    const words = text.trim().toLowerCase();
    for (const { row, words: told } of this.fields.values()) mark(row, "data-out", words && !told.includes(words) ? "" : null);
    for (const group of this.table.children) {
      const found = group.querySelector(".vc-parameter:not([data-out], [hidden])");
      mark(group, "data-out", found ? null : "");
      if (words && found) group.open = true;
    }
  }

  destroy() { clearTimeout(this.timer); }
}

function area(label, placeholder, look = "") {
  return h("textarea.vc-area", { "aria-label": label, placeholder, rows: 1, autocomplete: "off", dir: "auto", spellcheck: look ? "false" : null, "data-look": look || null });
}

const isLong = (kind) => kind === "json" || kind === "list";

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

const isNumber = (kind) => kind === "number" || kind === "integer";

/** What a field says of its parameter. */
function dress(field) {
  const { parameter, input, away, label: caption, choices: list, row } = field;
  const { name, label, kind, least, most, default: own, tip, choices } = parameter;
  const offered = choices?.length ? choices : kind === "flag" ? ["true", "false"] : [];
  const range = isNumber(kind) && (least !== null || most !== null) ? ` From ${least ?? "any"} to ${most ?? "any"}.` : "";
  mark(row, "data-kind", kind);
  mark(row, "title", `${tip}${range}${own ? ` Left alone: ${own}.` : ""} (${name})`);
  put(caption, label);
  mark(input, "aria-label", label);
  mark(input, "placeholder", isLong(kind) ? own : own ? own.replace(/^the model.s own, else /, "model’s, or ") : "–");
  mark(input, "inputmode", kind === "number" ? "decimal" : kind === "integer" ? "numeric" : null);
  for (const about of ["title", "aria-label"]) mark(away, about, `Leave ${label} to the server`);
  mark(input, "list", offered.length ? `vc-list-${name}` : null);
  mark(list, "id", `vc-list-${name}`);
  if (same(offered, field.offered)) return;
  list.replaceChildren(...offered.map((value) => h("option", { value })));
  field.offered = offered;
}

function grouped(parameters) {
  const groups = new Map();
  for (const one of parameters) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}
