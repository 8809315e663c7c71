// One finding: what is wrong, the chain that leads to it, what it is not, what to do; opened, the curves it rests on.
// It is kept while the finding lasts: words change in place, so that focus, an open part and its plots stay.

import { copyButton } from "./copy.js";
import { h, mark, place, put } from "./dom.js";
import { clock } from "./figures.js";
import { Plot } from "./plot.js";
import { flagged } from "./verdict.js";

const HEIGHT = 112;

export class FindingView {
  /** `page` has board, evidence (key → what a plot needs), and opens(rule, is). */
  constructor(finding, page) {
    this.page = page;
    this.rule = finding.rule;
    this.proofs = new Map(); // what is drawn of a link, by its curve and label
    this.todos = [];
    this.headline = h("h2");
    this.detail = h("span");
    this.chain = h("ul.vi-chain", { "aria-label": "Chain, in order of onset" });
    this.also = h("p.vi-quiet");
    this.rivals = h("p.vi-quiet");
    this.remedies = h("ul.vi-remedies", { "aria-label": "Remedies" });
    this.todo = h("div.vi-to-do", {}, h("span.vi-quiet", {}, "What to do"), this.remedies);
    this.source = h("span.vi-quiet");
    this.shown = h("div.vi-panels.vi-small.vi-proof", { hidden: true, id: `evidence-${this.rule}` });
    this.button = h("button.vi-button", { type: "button", "aria-expanded": "false", "aria-controls": this.shown.id, onclick: () => page.opens(this.rule, !this.isOpen) },
      h("span.vi-icon", { "aria-hidden": "true" }, "expand_more"), "Evidence");
    this.began = h("span", { "data-began": finding.since });
    this.element = h("section.vi-finding", { "data-rule": this.rule },
      this.headline, h("p", {}, this.began, " ", this.detail), this.chain, this.also, this.rivals, this.todo,
      h("p.vi-foot-line", {}, this.button, this.source), this.shown);
    this.update(finding);
  }

  update(finding) {
    const was = this.finding;
    this.finding = finding;
    mark(this.element, "data-tone", finding.tone);
    mark(this.began, "data-began", finding.since);
    put(this.headline, finding.headline);
    put(this.detail, finding.detail);
    put(this.also, finding.merged.length ? `Also explains: ${finding.merged.join(", ")}.` : "");
    put(this.rivals, finding.rivals.length ? `Ruled out: ${finding.rivals.map(({ name, why }) => `${name} (${why})`).join(", ")}.` : "");
    put(this.source, finding.source ? `Source: ${finding.source}` : "");
    if (!same(finding.chain, was?.chain)) this.chain.replaceChildren(...finding.chain.filter(({ holds }) => holds).map(link));
    if (!same(finding.remedies, was?.remedies)) this.advise(finding.remedies);
    for (const part of [this.chain, this.also, this.rivals]) part.hidden = !part.hasChildNodes();
    this.todo.hidden = !finding.remedies.length;
    if (this.isOpen) this.draw();
  }

  /** The figure of a flag may change as long as the finding lasts, also while the flag is copied. */
  advise(remedies) {
    this.todos = remedies.map((one, index) => (this.todos[index]?.changes === changed(one) ? this.todos[index] : new Remedy(one)));
    this.todos.forEach((todo, index) => todo.update(remedies[index]));
    place(this.remedies, this.todos.map(({ element }) => element));
  }

  /** Show the evidence, or no more. */
  open(is) {
    if (is === Boolean(this.isOpen)) return;
    this.isOpen = is;
    mark(this.button, "aria-expanded", String(is));
    put(this.button.firstChild, is ? "expand_less" : "expand_more");
    this.shown.hidden = !is;
    if (is) this.draw();
    else this.prove([]);
  }

  /** The page has other curves for the findings. */
  renew() {
    if (this.isOpen) this.draw(true);
  }

  // ── Evidence ──

  draw(anew = false) {
    const { chain, tone } = this.finding;
    this.prove(chain, anew);
    for (const one of chain) {
      const { plot, element } = this.proofs.get(named(one));
      if (!plot) { element.replaceChildren(...words(one)); continue; }
      plot.annotate(one.limit === null ? [] : [{ at: one.limit, label: one.threshold }], one.since === null || !one.holds ? [] : [{ at: one.since, tone }]);
      plot.show({ texts: [[one.figure, null]], note: noted(one, this.page.board) });
    }
  }

  /** A plot for each link, which stays while the link does; one that no curve shows has its words there. */
  prove(chain, anew) {
    const had = this.proofs;
    this.proofs = new Map(chain.map((one) => [named(one), this.proof(one, had.get(named(one)), anew)]));
    const kept = new Set([...this.proofs.values()].map(({ plot }) => plot));
    for (const { plot } of had.values()) if (plot && !kept.has(plot)) this.page.board.remove(plot);
    place(this.shown, [...this.proofs.values()].map(({ element }) => element));
    const drawn = new Set([...had.values()].map(({ plot }) => plot));
    for (const plot of kept) if (plot && !drawn.has(plot)) this.page.board.add(plot);
  }

  proof(link, had, anew) {
    const found = this.page.evidence.get(link.curve);
    if (!found) return had && !had.plot ? had : { plot: null, element: h("section.vi-panel", { "aria-label": link.label }) };
    const spec = { ...found, title: link.label, height: HEIGHT, shared: true };
    if (!had?.plot) {
      const plot = new Plot(spec, this.page.board);
      return { plot, element: plot.element };
    }
    if (anew) had.plot.load(spec);
    return had;
  }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** A link of the chain: figure above, onset and threshold below. */
function link({ label, figure, threshold, since, metric, window }) {
  return h("li", { title: `${metric}, ${window}` },
    h("b", {}, `${label} ${figure}`), h("span", {}, [since && clock(since), threshold].filter(Boolean).join(" · ")));
}

/** The name of a link among those of its chain. */
const named = ({ curve, label }) => `${curve} ${label}`;

/** What a remedy changes, without the value that it gives it. */
const changed = ({ flag, does }) => flag.split(/[ =]/)[0] || does;

/** A flag that can be copied, what it does, what it costs. */
class Remedy {
  constructor(remedy) {
    const { flag } = remedy;
    this.changes = changed(remedy);
    this.flag = h("code");
    this.copying = copyButton(() => this.flag.textContent, flag);
    this.does = h("span");
    this.price = h("span.vi-quiet");
    this.element = h("li", {}, flag && h("span.vi-flag", {}, this.flag, this.copying), this.does, this.price);
  }

  update({ flag, does, price }) {
    put(this.flag, flag);
    for (const name of ["title", "aria-label"]) mark(this.copying.firstChild, name, `Copy ${flag}`);
    if (this.does.textContent !== does) this.does.replaceChildren(...flagged(does));
    put(this.price, price ? `Price: ${price}` : "");
    this.price.hidden = !price;
  }
}

/** Evidence without a curve, such as a label of the configuration. */
function words({ label, figure, threshold, metric }) {
  return [h("h3", { title: metric }, label), h("p.vi-now", {}, h("span.vi-figure", {}, h("b", {}, figure)), threshold ? h("span.vi-note", {}, threshold) : null)];
}

/** What a plot cannot show by itself: a threshold that is no line, a figure of a whole window, an onset that lies before. */
function noted({ since, holds, window, limit, threshold }, board) {
  const before = since !== null && since < board.start ? `began at ${clock(since, board.end - since)}, before this window` : "";
  const how = holds ? (since === null ? window : before) : "not reached";
  return [limit === null ? threshold : "", how].filter(Boolean).join(" · ");
}
