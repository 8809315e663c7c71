// The verdicts of all servers over the window, one strip each, on one axis of time. A strip tells its state by height and
// pattern as well as by colour: a fit server is a thin line, trouble stands tall, and where nobody looked there is nothing.
// A strip behaves like a plot on the board: it shares zoom and cursor, and under the cursor it says what was then.

import { h, mark, place, put, shape, state } from "./dom.js";
import { clock, span, timeTicks } from "./figures.js";
import { lasting } from "./verdict.js";

const MANY = 8;
const FINEST = 600;        // a strip is moved on when that share of the window has passed

class Strip {
  constructor(news, timeline) {
    this.timeline = timeline;
    this.board = timeline.board;
    this.name = news.name;
    this.parts = [];
    this.box = h("input", { type: "checkbox", onchange: () => this.choose() });
    this.state = h("span.vi-strip-state");
    this.facts = h("p.vi-strip-facts");
    this.bars = h("div.vi-bars", { "aria-hidden": "true" });
    this.cursor = h("div.vi-cursor", { hidden: true });
    this.track = h("div.vi-track", { tabindex: 0, role: "img", onclick: () => this.choose() }, this.bars, this.cursor);
    this.element = h("li.vi-strip", { "data-server": news.name },
      h("div.vi-strip-name", {}, h("label", {}, this.box, h("b", {}, news.name),
        news.simulated ? h("span.vi-hidden", {}, ", demo") : ""), this.state),
      h("div.vi-strip-body", {}, this.track, this.facts));
    this.track.onmousemove = (event) => this.board.pointAt(this.moment(event));
    this.track.onmouseleave = this.track.onblur = () => { mark(this.facts, "aria-live", null); this.board.pointAt(null); };
    this.track.onkeydown = (event) => this.key(event);
  }

  choose() { this.timeline.toggle(this.name); }

  // ── What comes in ──

  take({ parts, new: grown, facts }) {
    if (parts) { this.parts = parts; this.stale = true; }
    if (grown) {
      this.parts = [...this.parts.filter((part) => part[0] < grown[0][0]), ...grown];
      this.stale = true;
    }
    if (facts) { this.told = facts; this.stale = true; }
    mark(this.element, "data-waiting", this.parts.length ? null : "true");
  }

  /** The bins of plots: a strip has none of its own. */
  append() {}

  judge(status) {
    if (JSON.stringify(status) === this.judged) return;
    this.judged = JSON.stringify(status);
    this.words = status.words;
    this.state.replaceChildren(state(status.tone, status.words, status.text || null), lasting(status) ?? "");
  }

  chosen(is, colour) {
    this.box.checked = is;
    mark(this.element, "data-chosen", is ? "true" : null);
    mark(this.box, "aria-label", `Show the checks of ${this.name}`);
    mark(this.element, "data-colour", colour);
  }

  // ── The cursor ──

  moment(event) {
    const [start, end] = this.timeline.range;
    const box = this.track.getBoundingClientRect();
    return start + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (end - start);
  }

  /** What was at that moment, in the place of the facts; null for now. */
  point(moment) {
    const away = moment == null;
    this.cursor.hidden = away;
    mark(this.facts, "data-past", away ? null : "true");
    if (away) { this.say(); return; }
    this.facts.dataset.key = "";
    this.cursor.style.left = `${100 * this.share(moment)}%`;
    const part = this.at(moment);
    if (!part) { put(this.facts, `${clock(moment, this.timeline.span)}: nobody looked`); return; }
    const [start, , tone, words, reason] = part, end = this.end(part);
    const when = `${clock(start, this.timeline.span)} to ${part === this.parts.at(-1) ? "now" : clock(end, this.timeline.span)} (${span(end - start)})`;
    this.facts.replaceChildren(shape(tone), h("b", {}, words), ` ${when}`, reason ? `: ${reason}` : "");
  }

  at(moment) { return this.parts.find((part) => part[0] <= moment && moment < this.end(part)); }

  /** The last stretch goes on for as long as nothing else is heard. */
  end(part) { return part === this.parts.at(-1) ? Math.max(part[1], this.timeline.now) : part[1]; }

  /** Arrow keys go from stretch to stretch, Enter and space choose. */
  key(event) {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.choose(); return; }
    if (event.key === "Escape") { this.board.pointAt(null); return; }
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    const [first, last] = this.timeline.range;
    const seen = this.parts.filter((part) => this.end(part) > first && part[0] < last);
    if (!step || !seen.length) return;
    event.preventDefault();
    const here = this.board.cursor == null ? seen.length : seen.indexOf(this.at(this.board.cursor));
    const part = seen[Math.min(seen.length - 1, Math.max(0, here + step))];
    mark(this.facts, "aria-live", "polite");
    this.board.pointAt((Math.max(part[0], first) + Math.min(this.end(part), last)) / 2);
  }

  // ── Drawing ──

  resized() { this.timeline.resized(); }

  restyle() {}

  share(moment) {
    const [start, end] = this.timeline.range;
    return Math.min(1, Math.max(0, (moment - start) / (end - start)));
  }

  draw() {
    this.stale = false;
    const [first, last] = this.timeline.range;
    this.parts = this.parts.filter((part) => this.end(part) > this.board.start);
    const seen = this.parts.filter((part) => part[2] !== "unknown" && this.end(part) > first && part[0] < last);
    const began = (this.told?.restarts ?? []).filter((at) => at > first && at < last);
    while (this.bars.childElementCount > seen.length + began.length) this.bars.lastChild.remove();
    while (this.bars.childElementCount < seen.length + began.length) this.bars.append(h("i"));
    seen.forEach((part, index) => {
      const bar = this.bars.children[index], from = this.share(part[0]);
      mark(bar, "data-tone", part[2]);
      mark(bar, "data-restart", null);
      bar.style.left = `${(100 * from).toFixed(3)}%`;
      bar.style.width = `${(100 * (this.share(this.end(part)) - from)).toFixed(3)}%`;
    });
    began.forEach((at, index) => {
      const bar = this.bars.children[seen.length + index];
      mark(bar, "data-tone", null);
      mark(bar, "data-restart", "true");
      bar.style.left = `${(100 * this.share(at)).toFixed(3)}%`;
      bar.style.width = "";
    });
    if (this.board.cursor != null) this.point(this.board.cursor);
    else this.say();
  }

  say() {
    if (!this.told) { put(this.facts, this.parts.length ? "" : "reading the history …"); return; }
    const { up, up_words: unknown, restarts, share, watched } = this.told;
    const parts = [
      up ? [`up ${span(this.timeline.now - up)}`, `since ${clock(up, 1e9)}`] : [unknown, "the start of its process, from its metrics"],
      [restarts === null ? "restarts being counted" : restarts.length ? `${restarts.length} restart${restarts.length > 1 ? "s" : ""}` : "no restart", "in this window: its counters began anew"],
      [share === null ? "nobody looked" : `fit ${share} of ${watched} watched`, "Healthy, busy or quiet, as a share of the time in which somebody looked and it was neither asleep nor paused; in windows over an hour a minute is what it was at its worst"],
    ];
    const key = JSON.stringify(parts);
    if (this.facts.dataset.key === key) return;
    this.facts.replaceChildren(...parts.map(([text, how]) => h("span", { title: how }, text)));
    this.facts.dataset.key = key;
    mark(this.track, "aria-label", `${this.name}: ${this.words}; ${parts.map(([text]) => text).join(", ")}`);
  }

  destroy() {}
}

export class Timeline {
  /** `choose(names)` is called with the servers that are to be shown. */
  constructor(board, choose) {
    this.board = board;
    this.choose = choose;
    this.strips = new Map();
    this.list = h("ul.vi-strips");
    this.times = h("div.vi-times");
    this.note = h("p.vi-quiet", { role: "status" });
    this.key = h("p.vi-legend", { "aria-hidden": "true" }, ...[["good", "fit"], ["watch", "to watch"], ["bad", "trouble"], ["off", "asleep or paused"]].map(([tone, words]) =>
      h("span", {}, h("span.vi-bars", {}, h("i", { "data-tone": tone })), words)), h("span", {}, h("span.vi-bars", {}), "nobody looked"),
      h("span", {}, h("span.vi-bars", {}, h("i", { "data-restart": "true" })), "restart"));
    this.element = h("section.vi-timeline", { "aria-label": "Timeline" },
      h("div.vi-section-head", {}, h("h2", {}, "Timeline"), this.key), this.list, h("div.vi-strip.vi-axis", {}, h("div"), this.times), this.note);
    this.names = [];
    this.order = [];
    this.now = 0;
  }

  /** What the strips show: the zoomed part, or all up to now. */
  get range() { return this.board.zoom ?? [this.board.start, Math.max(this.board.end, this.now)]; }

  whole(frame) {
    this.span = frame.span;
    this.most = frame.most;
    this.drawnAt = -Infinity;
    const known = new Set(frame.strips.map(({ name }) => name));
    for (const [name, strip] of this.strips) if (!known.has(name)) { this.board.remove(strip); this.strips.delete(name); }
    this.take(frame.strips);
    for (const strip of this.strips.values()) strip.stale = true;
  }

  take(strips) {
    for (const news of strips) {
      let strip = this.strips.get(news.name);
      if (!strip) { strip = new Strip(news, this); this.strips.set(news.name, strip); this.board.add(strip); }
      strip.take(news);
    }
  }

  /** Words that changed, and how late it is. */
  show({ states, order, chosen, now }) {
    this.now = now;
    if (states) for (const [name, status] of Object.entries(states)) this.strips.get(name)?.judge(status);
    if (chosen) this.mark(chosen);
    if (order) this.order = order;
    this.arrange();
    if (now - this.drawnAt >= this.span / FINEST) this.moved(now);
  }

  /** Time has passed, or the window was zoomed. */
  moved(now = this.now) {
    this.drawnAt = now;
    for (const strip of this.strips.values()) strip.stale = true;
    this.axis();
  }

  /** Labels have their places by the width. */
  resized() { if (this.times.clientWidth !== this.width) this.axis(); }

  axis() {
    const width = this.width = this.times.clientWidth;
    if (!width) return;
    const [start, end] = this.range;
    const { moments, labels } = timeTicks(start, end, width);
    this.times.replaceChildren(...moments.map((moment, index) => {
      const label = h("span", {}, labels[index]);
      label.style.left = `${((100 * (moment - start)) / (end - start)).toFixed(2)}%`;
      return label;
    }));
    const last = this.times.lastElementChild;
    if (last && last.getBoundingClientRect().right > this.times.getBoundingClientRect().right) last.remove();  // half of it would stand beside the page
  }

  /** Not under a pressed pointer: the click would be lost. The next tick finds it released. */
  arrange() {
    if (this.list.matches(":active")) return;
    mark(this.list, "data-dense", this.order.length > MANY ? "true" : null);
    place(this.list, this.order.map((name) => this.strips.get(name)?.element).filter(Boolean));
  }

  mark(names) {
    this.names = names;
    for (const [name, strip] of this.strips) strip.chosen(names.includes(name), names.indexOf(name));
    put(this.note, "");
  }

  toggle(name) {
    const is = this.names.includes(name);
    if (is && this.names.length === 1) put(this.note, "One server stays chosen: choose another one first.");
    else if (!is && this.names.length >= this.most) put(this.note, `Up to ${this.most} servers at once: take one away first.`);
    else {
      const names = is ? this.names.filter((other) => other !== name) : [...this.names, name];
      this.mark(names);
      this.choose(names);
      return;
    }
    this.strips.get(name).box.checked = is;
  }
}
