// One finding: what is wrong, the chain that leads to it, what it is not, what to do; opened, the curves it rests on.
// It is kept while the finding lasts: words change in place, so that focus, an open part and its plots stay.

import { copyButton } from "./copy.js";
import { h, mark, put } from "./dom.js";
import { clock } from "./figures.js";
import { Plot } from "./plot.js";
import { flagged } from "./verdict.js";

const HEIGHT = 112;

export class FindingView {
  /** `page` has board, evidence (key → what a plot needs), and opens(rule, is). */
  constructor(finding, page) {
    this.page = page;
    this.rule = finding.rule;
    this.plots = [];
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
    if (!same(finding.remedies, was?.remedies)) this.remedies.replaceChildren(...finding.remedies.map(remedy));
    for (const part of [this.chain, this.also, this.rivals]) part.hidden = !part.hasChildNodes();
    this.todo.hidden = !finding.remedies.length;
    if (this.isOpen) this.draw(was);
  }

  /** Show the evidence, or no more. */
  open(is) {
    if (is === Boolean(this.isOpen)) return;
    this.isOpen = is;
    mark(this.button, "aria-expanded", String(is));
    put(this.button.firstChild, is ? "expand_less" : "expand_more");
    this.shown.hidden = !is;
    if (is) this.draw(null);
    else this.drop();
  }

  /** The page has other curves for the findings. */
  renew() {
    if (this.isOpen) this.draw(null);
  }

  // ── Evidence ──

  draw(was) {
    const { chain, tone } = this.finding;
    const known = (links) => links?.map(({ curve, label }) => [curve, label]);
    if (!was || !same(known(chain), known(was.chain))) this.build(chain);
    chain.forEach((one, index) => {
      const plot = this.plots[index];
      if (!plot) { this.shown.children[index].replaceChildren(...words(one)); return; }
      plot.annotate(one.limit === null ? [] : [{ at: one.limit, label: one.threshold }], one.since === null || !one.holds ? [] : [{ at: one.since, tone }]);
      plot.show({ texts: [[one.figure, null]], note: noted(one, this.page.board) });
    });
  }

  /** A plot for each link; a link that no curve shows has its words there. */
  build(chain) {
    this.drop();
    this.plots = chain.map((one) => {
      const spec = this.page.evidence.get(one.curve);
      return spec ? new Plot({ ...spec, title: one.label, height: HEIGHT, shared: true }, this.page.board) : null;
    });
    this.shown.replaceChildren(...this.plots.map((plot, index) => plot?.element ?? h("section.vi-panel", { "aria-label": chain[index].label }, ...words(chain[index]))));
    for (const plot of this.plots) if (plot) this.page.board.add(plot);
  }

  drop() {
    for (const plot of this.plots) if (plot) this.page.board.remove(plot);
    this.plots = [];
    this.shown.replaceChildren();
  }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** A link of the chain: figure above, onset and threshold below. */
function link({ label, figure, threshold, since, metric, window }) {
  return h("li", { title: `${metric}, ${window}` },
    h("b", {}, `${label} ${figure}`), h("span", {}, [since && clock(since), threshold].filter(Boolean).join(" · ")));
}

/** A flag that can be copied, what it does, what it costs. */
function remedy({ flag, does, price }) {
  return h("li", {}, flag ? h("span.vi-flag", {}, h("code", {}, flag), copyButton(flag, `${flag}`)) : null,
    h("span", {}, ...flagged(does)), price ? h("span.vi-quiet", {}, `Price: ${price}`) : null);
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
