// One answer in detail: where its time went, how sure the model was, and what went over the wire. Only the part in sight is drawn.

import { h, mark } from "./dom.js";
import { Probabilities } from "./probabilities.js";
import { Events, copies, documentOf } from "./raw.js";
import { sheet } from "./sheet.js";
import { Waterfall } from "./waterfall.js";

sheet("tokens.css", import.meta.url);
sheet("answer.css", import.meta.url);

const TABS = [["timeline", "Timeline"], ["tokens", "Tokens"], ["request", "Request"], ["response", "Response"], ["events", "Events"], ["copy", "Copy"]];
let serial = 0;
/** The part that was looked at last: another answer is opened at the same. */
let latest = "timeline";

/** What tells a part from the same part changed; of a long list its length and ends are enough, for it only grows. */
const trace = (part) => (Array.isArray(part) ? `${part.length} ${JSON.stringify([part[0], part.at(-1)])}` : JSON.stringify(part));

export class AnswerDetail {
  /** `pickAlternative(position, id)` is called to go on from another token than the one that came. */
  constructor({ pickAlternative }) {
    this.name = `va-${(serial += 1)}`;
    this.waterfall = new Waterfall();
    this.probabilities = new Probabilities(pickAlternative);
    this.events = new Events();
    this.tabs = new Map(TABS.map(([key, label]) => [key, h("button", { type: "button", role: "tab", id: `${this.name}-${key}`, "aria-controls": `${this.name}-panel`, onclick: () => this.turn(key) },
      label, h("span.va-number"))]));
    this.panel = h("div.va-panel", { role: "tabpanel", id: `${this.name}-panel` });
    this.list = h("div.va-tabs", { role: "tablist", "aria-label": "What of this answer", onkeydown: (event) => this.key(event) }, ...this.tabs.values());
    this.element = h("section.va-detail", { "aria-label": "Answer in detail" }, this.list, this.panel);
    this.update(null);
  }

  /** `detail` as the script sends it, or why there is none (`gone`); null while it is being read. */
  update(detail) {
    this.detail = detail ?? null;
    const count = (key, n) => { this.tabs.get(key).lastChild.textContent = n ? `${n}` : ""; };
    count("tokens", detail?.tokens?.length);
    count("events", detail?.events?.length);
    this.draw();
  }

  turn(key) {
    latest = key;
    this.draw();
  }

  draw() {
    for (const [key, tab] of this.tabs) {
      mark(tab, "aria-selected", String(key === latest));
      mark(tab, "tabindex", key === latest ? "0" : "-1");
    }
    mark(this.panel, "aria-labelledby", `${this.name}-${latest}`);
    const written = this.detail && `${latest} ${this.detail.node} ${this.detail.gone ?? ""} ${trace(this.part(latest))}`;
    if (written && written === this.drawn) return;
    this.drawn = written;
    this.panel.replaceChildren(this.detail ? this.content() : h("div.vi-skeleton.vi-thin"));
    // Sizes are known only once it is in its place.
    if (this.detail && latest === "timeline") this.waterfall.resized();
  }

  part(key) { return this.detail[{ timeline: "waterfall", copy: "copies" }[key] ?? key] ?? null; }

  content() {
    const part = this.part(latest);
    if (this.detail.gone) return h("p.vi-quiet", {}, this.detail.gone);
    if (latest === "timeline") return this.shown(this.waterfall, part ?? {});
    if (latest === "tokens") return part?.length ? this.shown(this.probabilities, part, this.detail.remarks) : h("p.vi-quiet", {}, "No probabilities came with this answer: switch them on in the settings, and ask again.");
    if (latest === "events") return part?.length ? this.shown(this.events, part) : h("p.vi-quiet", {}, "No events were kept: the answer came in one piece, or was read in again from a file.");
    return latest === "copy" ? copies(part) : documentOf(part, latest);
  }

  shown(view, ...parts) {
    view.show(...parts);
    return view.element;
  }

  key(event) {
    const keys = [...this.tabs.keys()], here = keys.indexOf(latest);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: keys.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.turn(keys[(to + keys.length) % keys.length]);
    this.tabs.get(latest).focus();
  }

  destroy() {
    this.waterfall.destroy();
    this.probabilities.destroy();
  }
}
