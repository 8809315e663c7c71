// What comes next, in a quiet line of figures, and what the waiting requests wait for. Both as lib/ui/ahead.py makes them.

import { h } from "./dom.js";

export class Outlook {
  constructor() {
    this.next = h("p.vi-next", { "aria-label": "Forecasts" });
    this.waiting = h("p.vi-next", { "aria-label": "Why requests wait" });
    this.element = h("section.vi-outlook", { "aria-label": "What comes next", hidden: true }, this.next, this.waiting);
  }

  show({ forecasts, refused, waiting }) {
    this.element.hidden = !forecasts.length && !refused.length && !waiting.length;
    this.next.replaceChildren(...forecasts.map(forecast), refused.length ? none(refused) : "");
    this.waiting.hidden = !waiting.length;
    this.waiting.replaceChildren(...(waiting.length === 1 ? [only(waiting[0])] : waiting.map(cause)));
  }
}

function forecast({ what, words, how }) {
  return h("span.vi-ahead", { title: how }, `${what} `, h("b", {}, words));
}

/** Those without an answer, each with its reason in the tooltip. */
function none(refused) {
  return h("span.vi-ahead", {}, "No forecast: ", ...refused.flatMap(({ what, how }, index) => [index ? ", " : "", h("span.vi-why", { title: how, tabindex: 0 }, what.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()))]));
}

/** Where all wait for the same, a sentence says it. */
function only({ sentence, how }) {
  return h("span.vi-ahead", { title: how }, sentence);
}

function cause({ name, count, share, sentence, how }) {
  return h("span.vi-ahead", { title: `${sentence} ${how}` }, `Waiting: ${name} `, h("b", {}, count), ` (${share})`);
}
