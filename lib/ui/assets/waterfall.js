// What happened in the seconds of one answer: its phases, every gap between tokens, and on the same axis of time what the
// server's own figures were. A pause is a band through all rows, so that what was then stands under it.

import { h, mark, put } from "./dom.js";
import { ABSENT, axisTexts, duration, roundTop, written } from "./figures.js";
import { s } from "./svg.js";

const LEFT = 104, RIGHT = 108;
const NARROW = 520, NARROW_LEFT = 88, NARROW_RIGHT = 80;
const GAP = 12;
const LABEL_WIDTH = 52;      // what the length of a pause takes, in pixels
const SMALLEST_ZOOM = 0.005;
const PHASES = {
  __proto__: null, network: "Network", queue: "Queue", prefill: "Prefill", wait: "Queue and prefill", reasoning: "Reasoning", answer: "Answer", tool: "Tool call",
  pause: "Pause", end: "End",
};
const WORTH = 0.001;         // seconds from which on a phase is told in the legend
const LATE = 0.01;           // and the share of all that the end must take for that
const ROWS = [
  { key: "phase", label: "Phase", height: 18, how: "What the request was doing. Queue and prefill are told apart only where the server says how long each took" },
  { key: "gap", label: "Token gaps", height: 64, how: "Time from each piece of the answer to the next, as it arrived here; its height is its length. What is a pause runs to the top" },
  { key: "running", label: "Running", height: 32, rule: "count", how: "Requests in the server's batch, this one among them, each time that it was asked" },
  { key: "waiting", label: "Waiting", height: 32, rule: "count", how: "Requests in the server's queue, each time that it was asked" },
  { key: "kv", label: "KV cache", height: 32, rule: "ratio", how: "Share of the KV blocks in use, each time that the server was asked" },
  { key: "preemptions", label: "Preemptions", height: 18, rule: "count", how: "Requests that were put back into the queue since it was asked before, on the whole server" },
];
const CURVES = ["running", "waiting", "kv"];
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

const known = (value) => typeof value === "number" && Number.isFinite(value);
const middle = (values) => { const sorted = Float64Array.from(values).sort(); return sorted.length ? sorted[sorted.length >> 1] : null; };
const highest = (values) => values.reduce((most, value) => (value > most ? value : most), 0);

export class Waterfall {
  constructor() {
    this.svg = s("svg", { class: "va-rows", "aria-hidden": "true" });
    this.cursor = h("div.va-cursor", { hidden: true });
    this.brush = h("div.va-brush", { hidden: true });
    this.times = h("div.va-times", { "aria-hidden": "true" });
    this.plot = h("div.va-plot", { tabindex: 0, role: "img" }, this.svg, this.brush, this.cursor, this.times);
    this.names = h("div.va-names");
    this.values = h("div.va-values");
    this.legend = h("ul.va-legend", { "aria-label": "Phases" });
    this.readout = h("p.va-readout", { "aria-live": "polite" });
    this.notes = h("ul.vt-remarks");
    this.chart = h("div.va-fall", {}, this.names, this.plot, this.values);
    this.empty = h("p.vi-quiet", { hidden: true }, "No times are known of this answer: nothing of it has arrived.");
    this.element = h("div.va-waterfall", {}, this.legend, this.chart, this.readout, this.notes, this.empty);
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this.plot);
    this.listen();
  }

  // ── What comes in ──

  show(fall) {
    this.segments = (fall.segments ?? []).filter(({ from, to }) => known(from) && known(to) && to >= from);
    this.marks = (fall.marks ?? []).filter(known).sort((a, b) => a - b);
    this.server = (fall.server ?? []).filter(({ at }) => known(at)).sort((a, b) => a.at - b.at);
    this.total = Math.max(known(fall.total) ? fall.total : 0, highest(this.segments.map(({ to }) => to)), this.marks.at(-1) ?? 0);
    this.during = this.looks();
    this.zoom = null;
    this.measure();
    this.empty.hidden = this.total > 0;
    this.chart.hidden = this.readout.hidden = this.legend.hidden = !(this.total > 0);
    this.notes.replaceChildren(...[...(fall.notes ?? []), ...this.missing()].map((note) => (typeof note === "string" ? { text: note } : note))
      .map(({ text, tone }) => h("li", { "data-tone": tone ?? null }, h("bdi", {}, text))));
    if (!(this.total > 0)) return;
    this.frame();
    this.tell();
    this.point(null);
    this.width = 0;
    this.resized();
  }

  /** The looks that tell of the answer's own seconds: within, and the first one after. The others only lead the curves on. */
  looks() {
    const after = this.server.findIndex(({ at }) => at >= this.total);
    return this.server.slice(0, after < 0 ? undefined : after + 1).filter(({ at }) => at > 0);
  }

  /** What the drawing needs more than once. */
  measure() {
    this.pauses = this.segments.filter(({ kind }) => kind === "pause");
    this.gaps = this.marks.slice(1).map((at, index) => at - this.marks[index]);
    this.median = middle(this.gaps);
    const even = this.gaps.filter((_, index) => !this.paused(index));
    this.tallest = highest(even.length ? even : this.gaps) || 0.001;
    const steps = this.server.slice(1).map(({ at }, index) => at - this.server[index].at);
    this.period = middle(steps) ?? 1;
    this.rows = ROWS.filter(({ key }) => key === "phase" || (key === "gap" ? this.gaps.length : this.server.some((one) => known(one[key]))));
    let top = 0;
    this.places = new Map(this.rows.map((row) => { const place = [top, row.height]; top += row.height + GAP; return [row.key, place]; }));
    this.height = top - GAP + 6;
  }

  /** Whether the gap after a mark lies in a pause. */
  paused(index) {
    const half = (this.marks[index] + this.marks[index + 1]) / 2;
    return this.pauses.some(({ from, to }) => half >= from && half <= to);
  }

  missing() {
    if (!(this.total > 0)) return [];
    if (!this.server.length) return ["This server was not asked for its own figures in these seconds."];
    const absent = ROWS.slice(2).filter(({ key }) => !this.places.has(key)).map(({ label }) => label);
    return absent.length ? [`Not reported by this server in these seconds: ${absent.join(", ")}.`] : [];
  }

  // ── What stands still: names, legend ──

  frame() {
    this.svg.style.height = `${this.height}px`;
    this.plot.style.height = `${this.height + 22}px`;
    const at = (row) => `top:${this.places.get(row.key)[0]}px;height:${row.height}px`;
    this.names.replaceChildren(...this.rows.map((row) => h("div", { style: at(row), title: row.how }, h("span", {}, row.label), h("small", {}, this.scale(row)))));
    this.cells = new Map(this.rows.map((row) => [row.key, h("div", { style: at(row), title: row.how }, h("b"), h("small"))]));
    this.values.replaceChildren(...this.cells.values());
  }

  /** What the top of a row stands for. */
  scale(row) {
    if (row.key === "gap") return axisTexts([0, this.tallest], "duration")[1];
    return CURVES.includes(row.key) ? axisTexts([0, this.top(row)], row.rule)[1] : "";
  }

  top({ key, rule }) { return roundTop(highest(this.during.map((one) => (known(one[key]) ? one[key] : 0))), rule); }

  /** The phases with their lengths; and the same in words, for whom the picture is none. */
  tell() {
    const sums = new Map();
    for (const { kind, from, to } of this.segments) {
      const [seconds, n] = sums.get(kind) ?? [0, 0];
      sums.set(kind, [seconds + to - from, n + 1]);
    }
    const parts = [...sums].filter(([kind, [seconds]]) => seconds >= (kind === "end" ? this.total * LATE : WORTH)).sort(([a], [b]) => (a === "pause") - (b === "pause")).map(([kind, [seconds, n]]) =>
      [kind, kind === "pause" && n > 1 ? `${n} pauses` : PHASES[kind] ?? kind, seconds]);
    this.legend.replaceChildren(...parts.map(([kind, label, seconds]) =>
      h("li", {}, h("i.va-key", { "data-kind": kind, "aria-hidden": "true" }), h("b", {}, duration(seconds)), label)));
    mark(this.plot, "aria-label", `Times of this answer, ${duration(this.total)} in all: ${parts.map(([, label, seconds]) => `${label} ${duration(seconds)}`).join(", ")}. Arrow keys go from token to token.`);
  }

  // ── Drawing ──

  get range() { return this.zoom ?? [0, this.total]; }

  x(at) {
    const [start, end] = this.range;
    return ((at - start) / (end - start)) * this.width;
  }

  resized() {
    const outer = this.chart.clientWidth;
    if (!outer || !(this.total > 0)) return;
    const narrow = outer < NARROW;
    const left = narrow ? NARROW_LEFT : LEFT, right = narrow ? NARROW_RIGHT : RIGHT;
    if (outer - left - right === this.width) return;
    this.chart.style.gridTemplateColumns = `${left}px minmax(0, 1fr) ${right}px`;
    this.width = outer - left - right;
    this.draw();
  }

  draw() {
    if (!(this.width > 0)) return;
    mark(this.svg, "viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.replaceChildren(...this.grid(), ...this.bands(), ...this.phases(), ...this.stems(), ...this.curves(), ...this.preempted());
    this.axis();
    this.point(this.at ?? null);
  }

  grid() {
    return [...this.places].filter(([key]) => key !== "phase").map(([, [top, height]]) =>
      s("line", { class: "va-base", x1: 0, x2: this.width, y1: top + height + 0.5, y2: top + height + 0.5 }));
  }

  seen(parts) {
    const [start, end] = this.range;
    return parts.filter(({ from, to }) => to >= start && from <= end);
  }

  bands() {
    return this.seen(this.pauses).map(({ from, to }) =>
      s("rect", { class: "va-band", x: this.x(from), width: Math.max(1.5, this.x(to) - this.x(from)), y: 0, height: this.height }));
  }

  phases() {
    const [top, height] = this.places.get("phase");
    // A pause may lie inside of a phase: it is drawn over it.
    const inOrder = this.seen([...this.segments.filter(({ kind }) => kind !== "pause"), ...this.pauses]);
    return inOrder.flatMap((part) => {
      const place = { x: this.x(part.from), y: top, width: Math.max(1.5, this.x(part.to) - this.x(part.from) - 1), height };
      const kind = part.kind in PHASES ? part.kind : "wait";
      const hatched = kind === "queue" || kind === "wait" || kind === "pause";
      return [s("rect", { class: "va-phase", "data-kind": kind, ...place }), ...(hatched ? this.hatch(kind, place) : [])];
    });
  }

  /** Oblique lines: waiting is told from working without colour too. */
  hatch(kind, { x, y, width, height }) {
    const first = Math.max(0, x), last = Math.min(this.width, x + width);
    let path = "";
    for (let at = first - height; at < last; at += 6) {
      const from = Math.max(first, at), to = Math.min(last, at + height);
      if (to > from) path += `M${from.toFixed(1)} ${(y + height - (from - at)).toFixed(1)}L${to.toFixed(1)} ${(y + height - (to - at)).toFixed(1)}`;
    }
    return path ? [s("path", { class: "va-hatch", "data-kind": kind, d: path })] : [];
  }

  /** One upright box a gap, as wide as it was long; where several share a pixel, the longest stands. */
  stems() {
    if (!this.places.has("gap")) return [];
    const [top, height] = this.places.get("gap");
    const tall = new Map();
    let even = "", long = "";
    const labels = [];
    this.gaps.forEach((gap, index) => {
      const from = this.x(this.marks[index]), to = this.x(this.marks[index + 1]);
      if (to < 0 || from > this.width) return;
      const pause = this.paused(index);
      const share = pause ? 1 : Math.min(1, gap / this.tallest);
      if (to - from < 1 && !pause) {
        const column = Math.floor(to);
        tall.set(column, Math.max(tall.get(column) ?? 0, share));
        return;
      }
      const box = `M${from.toFixed(1)} ${top + height}V${(top + height * (1 - share)).toFixed(1)}H${Math.max(from + 0.8, to - 0.6).toFixed(1)}V${top + height}Z`;
      if (pause) { long += box; labels.push([(from + to) / 2, gap]); } else even += box;
    });
    for (const [column, share] of tall) even += `M${column} ${top + height}V${(top + height * (1 - share)).toFixed(1)}h0.8V${top + height}Z`;
    const line = known(this.median) ? top + height * (1 - Math.min(1, this.median / this.tallest)) : null;
    return [s("path", { class: "va-gaps", d: even }), s("path", { class: "va-gaps va-long", d: long }),
      ...(line === null ? [] : [s("line", { class: "va-median", x1: 0, x2: this.width, y1: line, y2: line })]), ...this.lengths(labels, top)];
  }

  /** How long the pauses were; the longest are labelled first, and none over another. */
  lengths(labels, top) {
    const placed = [];
    for (const [at, gap] of labels.sort(([, a], [, b]) => b - a)) {
      const x = Math.min(this.width - LABEL_WIDTH / 2, Math.max(LABEL_WIDTH / 2, at));
      if (!placed.some(([other]) => Math.abs(other - x) < LABEL_WIDTH)) placed.push([x, gap]);
    }
    return placed.map(([x, gap]) => s("text", { class: "va-length", x, y: top + 12, "text-anchor": "middle" }, duration(gap)));
  }

  curves() {
    return this.rows.filter(({ key }) => CURVES.includes(key)).flatMap((row) => {
      const [top, height] = this.places.get(row.key), most = this.top(row);
      let line = "", area = "", dots = "", open = null;
      const shut = () => { if (open !== null) area += `V${top + height}H${open}Z`; open = null; };
      for (const one of this.server) {
        const value = one[row.key];
        if (!known(value)) { shut(); continue; }
        const x = this.x(one.at).toFixed(1), y = (top + height * (1 - Math.min(1, value / most))).toFixed(1);
        line += `${open === null ? "M" : "L"}${x} ${y}`;
        area += open === null ? `M${x} ${top + height}V${y}` : `L${x} ${y}`;
        if (open === null) open = x;
        if (this.server.length < 80) dots += `M${x} ${y}h0`;
      }
      shut();
      return [s("path", { class: "va-area", "data-row": row.key, d: area }), s("path", { class: "va-line", "data-row": row.key, d: line }), s("path", { class: "va-dots", "data-row": row.key, d: dots })];
    });
  }

  /** Over the time in which they were: from the look before to the one that counted them. */
  preempted() {
    if (!this.places.has("preemptions")) return [];
    const [top, height] = this.places.get("preemptions");
    return this.server.flatMap(({ at, preemptions }, index) => {
      if (!(known(preemptions) && preemptions > 0 && this.during.includes(this.server[index]))) return [];
      const from = Math.max(0, this.x(this.server[index - 1]?.at ?? at - this.period)), to = Math.min(this.width, this.x(at));
      if (to <= 0 || from >= this.width) return [];
      return [s("rect", { class: "va-preempted", x: from, y: top, width: Math.max(2, to - from - 1), height }),
        ...(to - from > 12 ? [s("text", { class: "va-count", x: (from + to) / 2, y: top + height / 2 + 4.5, "text-anchor": "middle" }, written("count", preemptions))] : [])];
    });
  }

  axis() {
    const [start, end] = this.range;
    const wanted = Math.max(2, Math.floor(this.width / 80));
    const step = STEPS.find((one) => (end - start) / one <= wanted) ?? 7200;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const labels = [];
    for (let n = Math.ceil(start / step - 1e-9); n * step <= end + 1e-9; n += 1) {
      const label = h("span", {}, n === 0 ? "0" : `${(n * step).toFixed(step === 15 ? 0 : digits)}\u202fs`);
      label.style.left = `${this.x(n * step).toFixed(1)}px`;
      labels.push(label);
    }
    this.times.replaceChildren(...labels);
  }

  // ── The cursor ──

  /** Cursor at a moment, or away with null: the figures are then those of that moment, or of the whole answer. */
  point(at) {
    this.at = at;
    const away = at === null;
    this.cursor.hidden = away;
    mark(this.values, "data-past", away ? null : "");
    if (!away) this.cursor.style.transform = `translateX(${this.x(at).toFixed(1)}px)`;
    for (const row of this.rows) {
      const [figure, words] = away ? this.whole(row) : this.then(row, at);
      put(this.cells.get(row.key).children[0], figure);
      put(this.cells.get(row.key).children[1], words);
    }
    put(this.readout, away ? this.hint() : this.words(at));
  }

  hint() { return this.zoom ? "Double click or Esc shows the whole answer again." : "Point at a moment; drag to look closer; arrow keys go from token to token."; }

  whole({ key, rule }) {
    if (key === "phase") return [duration(this.total), "in all"];
    if (key === "gap") return [known(this.median) ? duration(this.median) : ABSENT, "median"];
    const values = this.during.map((one) => one[key]).filter(known);
    if (!values.length) return [ABSENT, ""];
    if (key === "preemptions") return [written(rule, values.reduce((sum, value) => sum + value, 0)), ""];
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), highest(values)].map((value) => written(rule, value));
    return [low === high ? low : `${low.replace(/\u202f%$/, "")}–${high}`, ""];
  }

  then({ key, rule }, at) {
    if (key === "phase") return [`${at.toFixed(this.range[1] - this.range[0] < 10 ? 3 : 2)}\u202fs`, ""];
    if (key === "gap") {
      const index = this.gapAt(at);
      return [index === null ? ABSENT : duration(this.gaps[index]), ""];
    }
    const near = this.server.filter((one) => known(one[key])).reduce((best, one) => (!best || Math.abs(one.at - at) < Math.abs(best.at - at) ? one : best), null);
    return [near && Math.abs(near.at - at) <= this.period ? written(rule, near[key]) : ABSENT, ""];
  }

  /** The gap that a moment lies in. */
  gapAt(at) {
    let low = 0, high = this.marks.length;
    while (low < high) { const half = (low + high) >> 1; if (this.marks[half] <= at) low = half + 1; else high = half; }
    return low > 0 && low < this.marks.length ? low - 1 : null;
  }

  words(at) {
    const parts = this.segments.filter(({ from, to }) => at >= from && at <= to);
    const part = parts.find(({ kind }) => kind === "pause") ?? parts.at(-1);
    if (!part) return "";
    const name = PHASES[part.kind] ?? part.kind, took = `${name}, ${duration(part.to - part.from)}`;
    if (!part.words) return took;
    return part.kind === "pause" || part.words.startsWith(`${name}:`) ? part.words : `${took}: ${part.words}`;
  }

  // ── Pointer and keys ──

  listen() {
    const moment = (event) => {
      const [start, end] = this.range;
      const share = (event.clientX - this.plot.getBoundingClientRect().left) / this.width;
      return start + Math.min(1, Math.max(0, share)) * (end - start);
    };
    this.plot.onpointerdown = (event) => { if (event.button === 0) { this.grip = moment(event); this.plot.setPointerCapture(event.pointerId); } };
    this.plot.onpointermove = (event) => { this.point(moment(event)); this.drag(this.at); };
    this.plot.onpointerup = () => this.release();
    this.plot.onpointercancel = () => { this.grip = null; this.brush.hidden = true; };
    this.plot.onpointerleave = this.plot.onblur = () => { if (this.grip == null && this.total > 0) this.point(null); };
    this.plot.ondblclick = () => this.zoomTo(null);
    this.plot.onkeydown = (event) => this.key(event);
  }

  drag(at) {
    if (this.grip == null) return;
    const [from, to] = [this.grip, at].sort((a, b) => a - b).map((one) => this.x(one));
    this.brush.hidden = to - from < 4;
    this.brush.style.cssText = `left:${from}px;width:${to - from}px`;
  }

  release() {
    const wide = !this.brush.hidden;
    this.brush.hidden = true;
    if (wide && this.grip != null) this.zoomTo([this.grip, this.at].sort((a, b) => a - b));
    this.grip = null;
  }

  zoomTo(range) {
    this.zoom = range && range[1] - range[0] >= SMALLEST_ZOOM ? range : null;
    this.draw();
  }

  key(event) {
    if (event.key === "Escape" && (this.zoom || this.at !== null)) { event.stopPropagation(); this.point(null); this.zoomTo(null); return; }
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    const [start, end] = this.range;
    const stops = (this.marks.length ? this.marks : this.server.map(({ at }) => at)).filter((at) => at >= start && at <= end);
    if (!stops.length) return;
    const next = this.at === null ? 0 : stops.findIndex((at) => at >= this.at);
    const here = next < 0 ? stops.length - 1 : next;
    this.point(this.at === null ? stops[0] : stops[Math.min(stops.length - 1, Math.max(0, here + step))]);
  }

  destroy() { this.sizes.disconnect(); }
}
