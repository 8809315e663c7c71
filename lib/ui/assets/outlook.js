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
    this.waiting.replaceChildren("Waiting for ", ...waiting.map(cause), waiting.length ? h("span.vi-because", {}, waiting[0].sentence) : "");
  }
}

function forecast({ what, words, how }) {
  return h("span.vi-ahead", { title: how }, `${what} `, h("b", {}, words));
}

/** Those without an answer, each with its reason in the tooltip. */
function none(refused) {
  return h("span.vi-ahead", {}, "No forecast: ", ...refused.flatMap(({ what, how }, index) => [index ? ", " : "", h("span.vi-why", { title: how, tabindex: 0 }, what.replace(/ (in|by)$/, "").replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()))]));
}

function cause({ name, count, share, sentence, how }) {
  return h("span.vi-ahead", { title: `${sentence} ${how}` }, `${name} `, h("b", {}, count), ` (${share})`);
}
