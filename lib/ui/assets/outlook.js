// What comes next, in a quiet line of figures, and what the waiting requests wait for. Both as lib/ui/ahead.py makes them.
// Words change in place, so that a tooltip that is open stays.

import { h, mark, put } from "./dom.js";

export class Outlook {
  constructor() {
    this.next = h("p.vi-next", { "aria-label": "Forecasts" });
    this.waiting = h("p.vi-next", { "aria-label": "Why requests wait" });
    this.element = h("section.vi-outlook", { "aria-label": "What comes next", hidden: true }, this.next, this.waiting);
  }

  show({ forecasts, refused, waiting }) {
    this.element.hidden = !forecasts.length && !refused && !waiting.length;
    say(this.next, [...forecasts.map(forecast), ...(refused ? [none(refused)] : [])]);
    this.waiting.hidden = !waiting.length;
    say(this.waiting, waiting.length === 1 ? [only(waiting[0])] : waiting.map(cause));
  }
}

const forecast = ({ what, words, how }) => ({ how, parts: [[`${what} `], [words, "b"]] });

/** Those without an answer; each says why in the tooltip. */
const none = ({ begin, parts }) => ({ how: null, parts: [[begin], ...parts.flatMap(({ words, how }, index) => [...(index ? [[", "]] : []), [words, "span.vi-why", how]])] });

/** Where all wait for the same, a sentence says it. */
const only = ({ sentence, how }) => ({ how, parts: [[sentence]] });

const cause = ({ name, count, share, sentence, how }) => ({ how: `${sentence} ${how}`, parts: [[`Waiting: ${name} `], [count, "b"], [` (${share})`]] });

/** Put these into a line: items with `how` as their tooltip, and parts [text, element = "span", tooltip = none]. */
function say(line, items) {
  while (line.childElementCount > items.length) line.lastChild.remove();
  while (line.childElementCount < items.length) line.append(h("span.vi-ahead"));
  items.forEach(({ how, parts }, index) => {
    const item = line.children[index];
    mark(item, "title", how);
    const shape = parts.map(([, element]) => element ?? "span").join();
    if (item.shape !== shape) item.replaceChildren(...parts.map(([, element]) => h(element ?? "span")));
    item.shape = shape;
    parts.forEach(([text, , tip], place) => { put(item.children[place], text); mark(item.children[place], "title", tip); });
  });
}
