// Every check of one server: whether it passed, how long it took, how old that is, and what was said; and the two
// buttons that ask now.

import { h, mark, put, state } from "./dom.js";
import { ABSENT, clock, span } from "./figures.js";

const PATIENCE_MS = 70000;   // a press that nothing comes of is forgotten

export class Checks {
  /** `acts` has infer(name, model); `wanted` is the model to offer first, if it is listed. */
  constructor(name, acts, wanted) {
    this.name = name;
    this.wanted = wanted;
    this.acts = acts;
    this.body = h("tbody");
    this.rows = new Map();
    this.said = h("p.vi-quiet.vi-round", { role: "status" });
    this.models = h("select", { "aria-label": `Model of ${name} to ask` });
    this.button = h("button.vi-button", { type: "button", onclick: () => this.infer() }, "Run inference check");
    this.cost = h("span.vi-quiet", {}, `Costs ${name} one request: one token, or one vector, from the model.`);
    this.token = h("p.vi-token", { role: "status" });
    this.element = h("section.vi-checks", { "data-server": name, "aria-label": `Checks of ${name}` },
      h("h3", {}, name), this.said,
      h("table.vi-table", {}, h("thead", {}, h("tr", {},
        ...[["Check"], ["Result"], ["Latency", "vi-number"], ["Age", "vi-number"], ["What it said"]].map(([text, kind]) => h(kind ? `th.${kind}` : "th", { scope: "col" }, text)))), this.body),
      h("div.vi-infer", {}, this.models, this.button, this.cost), this.token);
  }

  /** Rows that changed; at first all of them, in their order. */
  show(rows) {
    for (const news of rows) {
      let row = this.rows.get(news.check);
      if (!row) { row = this.row(news); this.rows.set(news.check, row); this.body.append(row.element); }
      const key = news.tone + news.result;
      if (row.key !== key) row.result.replaceChildren(state(news.tone, news.result));
      row.key = key;
      put(row.took, news.took ?? ABSENT);
      put(row.words, news.words);
      row.at = news.at;
    }
  }

  row({ check, what }) {
    const cells = { result: h("td"), took: h("td.vi-number"), age: h("td.vi-number"), words: h("td.vi-words") };
    return { ...cells, element: h("tr", { "data-check": check }, h("th", { scope: "row", title: what }, check), ...Object.values(cells)) };
  }

  /** What the buttons have brought: {looking, inferring, models, round, at, model, token}. */
  press(news) {
    this.news = news;
    if (news.at !== this.lookedAt) this.looking = 0;
    if (news.token?.at !== this.tokenAt) this.inferring = 0;
    this.lookedAt = news.at;
    this.tokenAt = news.token?.at;
    this.offer(news.models);
    this.report();
  }

  offer(models) {
    const key = JSON.stringify(models);
    if (key === this.offered) return;
    this.offered = key;
    const chosen = [this.models.value, this.wanted].find((model) => models.includes(model));
    this.models.replaceChildren(...models.map((model) => h("option", { value: model }, model)));
    if (chosen !== undefined) this.models.value = chosen;
    this.models.hidden = !models.length;
  }

  report() {
    const { looking, inferring, models, round, at, model, token } = this.news;
    const asked = looking || performance.now() < this.looking;
    const begun = inferring || performance.now() < this.inferring;
    put(this.said, asked ? "Asking now …" : at ? `Asked on request at ${clock(at)}: ${round}.` : "");
    this.button.disabled = begun || !models.length;
    put(this.button, begun ? "Asking the model …" : "Run inference check");
    put(this.cost, models.length ? `Costs ${this.name} one request: one token, or one vector, from the model.` : "Which models it lists is not known, so that none can be asked.");
    this.token.hidden = !token;
    if (!token) return;
    const key = JSON.stringify(token);
    if (key === this.tokenKey) return;
    this.tokenKey = key;
    this.token.replaceChildren(state(token.tone, token.result), ` ${[token.took, token.words].filter(Boolean).join(" · ")}`,
      h("span.vi-quiet", {}, ` · asked at ${clock(token.at)}, model ${model}`));
  }

  look() {
    this.looking = performance.now() + PATIENCE_MS;
    if (this.news) this.report();
  }

  infer() {
    this.inferring = performance.now() + PATIENCE_MS;
    this.report();
    this.acts.infer(this.name, this.models.value);
  }

  grow(now) {
    for (const row of this.rows.values()) {
      put(row.age, row.at ? span(now - row.at) : ABSENT);
      mark(row.age, "title", row.at ? clock(row.at, 1e9) : null);
    }
    if (this.news) this.report();
  }
}
