// One panel: its title, the figures that tick, and its plot. Plotly draws the curves and the drag that zooms; new bins
// are appended with `Plotly.extendTraces`. Axes and their labels are plain elements: they seldom change, and Plotly
// would measure every label again at each tick (half of the cost, measured).

import { h, mark, put, themed } from "./dom.js";
import { axisTexts, clock, roundTop, timeTicks, written } from "./figures.js";

const MARGIN = { l: 52, r: 12, t: 10, b: 24 };
const HEIGHT = 150;
const HEADROOM = 1.04;
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false, showAxisDragHandles: false };

let loading = null;
/** Load Plotly once for all pages; the promise resolves when it can draw. */
export function plotly(address) {
  loading ??= window.Plotly ? Promise.resolve() : new Promise((resolve, reject) => {
    document.head.append(h("script", { src: new URL(address, document.baseURI).href, onload: resolve, onerror: reject }));
  });
  return loading;
}

/** Append new bins to what a plot draws, and let go of as many old ones. */
export function take({ key, curves, data }, bins, size) {
  for (const curve of curves) {
    const values = data[curve.key];
    values.push(...bins.data[`${key}.${curve.key}`]);
    values.splice(0, values.length - size);
  }
}

export class Plot {
  constructor(spec, board) {
    this.board = board;
    this.height = spec.height ?? HEIGHT;
    this.inner = this.height - MARGIN.t - MARGIN.b;
    this.seen = false;
    this.now = h("p.vi-now");
    this.note = h("span.vi-note");
    this.canvas = h("div.vi-canvas");
    this.cursor = h("div.vi-cursor", { hidden: true });
    this.rows = [0, 0.5, 1].map((share) => {
      const row = h("div.vi-row", {}, h("span"));
      row.style.cssText = `left:${MARGIN.l}px;right:${MARGIN.r}px;top:${MARGIN.t + this.inner * (1 - share / HEADROOM)}px`;
      return row;
    });
    this.times = h("div.vi-times");
    this.area = h("div.vi-plot", { tabindex: 0, role: "img", "aria-label": `${spec.title}, curve over time` },
      ...this.rows, this.canvas, this.times, this.cursor);
    this.area.style.height = `${this.height}px`;
    this.element = h("section.vi-panel", { [spec.shared ? "data-evidence" : "data-panel"]: spec.key, "aria-label": spec.title },
      h("h3", { title: spec.how }, spec.title), this.now, this.area);
    this.listen();
    this.load(spec);
  }

  // ── What comes in ──

  /** Everything anew, from a frame. */
  load(spec) {
    this.spec = spec;
    this.data = spec.data;
    this.drawn = false;
    this.stale = true;
    this.labelled = null;
    this.pending = 0;
    this.figures = spec.curves.map((curve) => this.figure(curve));
    this.legend();
  }

  legend() {
    const limits = this.spec.limits.map(({ label }) => h("span.vi-figure", { title: "threshold" },
      h("i.vi-key.vi-limit", { "aria-hidden": "true" }), h("span", {}, label)));
    this.now.replaceChildren(...this.figures, ...limits, this.note);
  }

  /** New bins; drawn at the next chance. Of data that several plots share, they are taken in elsewhere. */
  append(bins, size) {
    if (!this.spec.shared) take(this.spec, bins, size);
    this.pending += bins.size;
    this.stale = true;
  }

  /** Thresholds and moments of its own, in place of the page's marks. */
  annotate(limits, marks) {
    const key = JSON.stringify([limits, marks]);
    if (key === this.annotated) return;
    this.annotated = key;
    this.spec.limits = limits;
    this.marks = marks;
    this.drawn = false;
    this.stale = true;
    this.legend();
  }

  /** What stands above the plot: per curve [text, tone], and a note. Kept back while the cursor is on a plot. */
  show({ texts, note }) {
    this.latest = { texts, note };
    if (this.board.cursor == null) this.write(texts, note);
  }

  // ── The figures above ──

  figure(curve) {
    const key = h("i.vi-key", { "data-colour": curve.colour ?? "none", "data-dash": curve.dash, "aria-hidden": "true" });
    return h("span.vi-figure", {}, key, h("b"), h("span", {}, curve.label));
  }

  /** `how` is the part of a curve that says where its figure comes from. */
  write(texts, note, how = "how") {
    this.figures.forEach((figure, index) => {
      const [text, tone] = texts[index];
      mark(figure, "title", this.spec.curves[index][how]);
      put(figure.children[1], text);
      mark(figure, "data-tone", tone);
    });
    put(this.note, note);
  }

  // ── The cursor, shared by all plots ──

  /** Cursor at a moment, or away with null. The figures are then those of that moment. */
  point(moment) {
    const away = moment == null || !this.width;
    this.cursor.hidden = away;
    this.now.classList.toggle("vi-past", !away);
    if (away) {
      if (this.latest) this.write(this.latest.texts, this.latest.note);
      return;
    }
    const { start, step, size } = this.board;
    const index = Math.round((moment - start) / step);
    const at = start + index * step;
    this.cursor.style.transform = `translateX(${this.place(at).toFixed(1)}px)`;
    this.write(this.spec.curves.map((curve) => [written(this.spec.write, this.data[curve.key][index]), null]), `at ${clock(at, step * size)}`, "how_point");
  }

  /** Where a moment lies, in pixels from the left. */
  place(moment) {
    const [start, end] = this.board.range;
    return MARGIN.l + ((moment - start) / (end - start)) * this.width;
  }

  listen() {
    const moment = (event) => {
      const [start, end] = this.board.range;
      const share = (event.clientX - this.area.getBoundingClientRect().left - MARGIN.l) / this.width;
      return share < 0 || share > 1 ? null : start + share * (end - start);
    };
    this.area.onmousemove = (event) => this.board.pointAt(moment(event));
    this.area.onmouseleave = () => this.board.pointAt(null);
    this.area.onblur = () => this.board.pointAt(null);
    this.area.ondblclick = () => this.board.zoomTo(null);
    this.area.onkeydown = (event) => this.key(event);
  }

  /** Arrow keys move the cursor by bins, Escape ends cursor and zoom. */
  key(event) {
    if (event.key === "Escape") { this.board.zoomTo(null); this.board.pointAt(null); }
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (!steps) return;
    event.preventDefault();
    const [start, end] = this.board.range;
    const from = this.board.cursor ?? end;
    this.board.pointAt(Math.min(end, Math.max(start, from + steps * this.board.step)));
  }

  // ── Drawing ──

  /** Asked once and when it changed: asking between two drawings makes the browser lay out all of the page. */
  resized() {
    const width = this.area.clientWidth - MARGIN.l - MARGIN.r;
    if (width === this.width) return;
    this.width = width;
    this.stale = true;
  }

  restyle() {
    this.drawn = false;
    this.stale = true;
  }

  draw() {
    if (!this.width) this.resized();
    if (!(this.width > 0) || !window.Plotly) return;
    this.stale = false;
    this.top = this.highest();
    this.axes();
    if (!this.drawn) this.look();
    const dots = this.lonely();
    if (this.drawn && Boolean(dots) === this.hasDots) this.extend(dots);
    else this.drawWhole(dots);
    if (this.board.cursor != null) this.point(this.board.cursor);
  }

  drawWhole(dots) {
    const fresh = !this.canvas.data;
    const x = this.moments();
    const traces = this.spec.curves.map((curve) => ({
      type: "scatter", mode: "lines", x, y: this.data[curve.key].slice(), hoverinfo: "skip", connectgaps: false,
      line: { color: this.colour(curve), width: curve.colour === null || curve.dash ? 1 : 1.5, dash: curve.dash ?? "solid", simplify: true },
    }));
    if (dots) traces.push({ type: "scatter", mode: "markers", hoverinfo: "skip", ...dots });
    window.Plotly.react(this.canvas, traces, this.layout(), CONFIG);
    if (fresh) this.canvas.on("plotly_relayout", (change) => this.relayouted(change));
    this.drawn = true;
    this.hasDots = Boolean(dots);
    this.pending = 0;
  }

  /** Append what is new. The layout is changed first, so that Plotly draws once. */
  extend(dots) {
    const { size } = this.board;
    const { curves } = this.spec;
    const from = size - Math.min(this.pending, size);
    const times = this.moments(from);
    this.pending = 0;
    Object.assign(this.canvas.layout, this.layout());
    if (dots) Object.assign(this.canvas.data.at(-1), dots);
    window.Plotly.extendTraces(this.canvas, {
      x: curves.map(() => times),
      y: curves.map((curve) => this.data[curve.key].slice(from)),
    }, curves.map((_, index) => index), size);
  }

  moments(from = 0) {
    const { start, step, size } = this.board;
    return Array.from({ length: size - from }, (_, index) => start + (from + index) * step);
  }

  /** Points without a neighbour, which a line alone would not show; null when there are none. */
  lonely() {
    const x = [], y = [], color = [];
    for (const curve of this.spec.curves) {
      const values = this.data[curve.key];
      for (let index = 0; index < values.length; index += 1) {
        if (values[index] === null || (values[index - 1] ?? null) !== null || (values[index + 1] ?? null) !== null) continue;
        x.push(this.board.start + index * this.board.step);
        y.push(values[index]);
        color.push(this.colour(curve));
      }
    }
    return x.length ? { x, y, marker: { color, size: 2.5 } } : null;
  }

  /** Colours as the theme has them now: asked for when all is drawn, not with every tick. */
  look() {
    this.ink = Object.fromEntries(["quiet", "bad", "watch", "ground"].map((name) => [name, themed(this.element, `--vi-${name}`)]));
    this.ink.hint = this.ink.quiet;
    this.font = themed(this.element, "--st-font");
    this.series = themed(this.element, "--vi-series").split(",").map((colour) => colour.trim());
  }

  colour(curve) { return curve.colour === null ? this.ink.quiet : this.series[curve.colour]; }

  /** The labels of both axes. */
  axes() {
    if (this.labelled !== this.top) this.label();
    const { moments, labels } = timeTicks(...this.board.range, this.width);
    while (this.times.childElementCount > moments.length) this.times.lastChild.remove();
    while (this.times.childElementCount < moments.length) this.times.append(h("span"));
    moments.forEach((moment, index) => {
      put(this.times.children[index], labels[index]);
      this.times.children[index].style.transform = `translateX(${Math.round(this.place(moment))}px) translateX(-50%)`;
    });
  }

  /** The labels of the upright axis. */
  label() {
    this.labelled = this.top;
    // Half a request or block is nothing: the middle is a whole one, and its line lies where it is.
    const middle = this.spec.write === "count" ? Math.round(this.top / 2) : this.top / 2;
    axisTexts([0, middle, this.top], this.spec.write).forEach((text, index) => put(this.rows[index].firstChild, text));
    this.rows[1].style.top = `${MARGIN.t + this.inner * (1 - middle / this.top / HEADROOM)}px`;
  }

  /** Where the axis ends: at the panel's own top, or at a round figure above what is in sight. */
  highest() {
    if (this.spec.top) return this.spec.top;
    const [start, end] = this.board.range.map((moment) => (moment - this.board.start) / this.board.step);
    const inSight = this.spec.curves.flatMap(({ key }) => this.data[key].slice(Math.max(0, Math.floor(start)), Math.ceil(end) + 1));
    const limits = this.spec.limits.map(({ at }) => at);
    return roundTop([...limits, ...inSight].reduce((highest, value) => (value > highest ? value : highest), 0), this.spec.write);
  }

  layout() {
    const marks = this.marks ?? this.board.marks;
    return {
      width: this.width + MARGIN.l + MARGIN.r, height: this.height, margin: MARGIN, showlegend: false, hovermode: false, dragmode: "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { type: "linear", range: [...this.board.range], visible: false, fixedrange: false },
      yaxis: { type: "linear", range: [0, this.top * HEADROOM], visible: false, fixedrange: true },
      annotations: this.marks || this.isFirst ? marks.flatMap((mark) => this.markLabel(mark)) : [],
      shapes: [...this.spec.limits.map((limit) => this.limit(limit)), ...marks.map((mark) => this.mark(mark))],
    };
  }

  limit({ at }) {
    return { type: "line", xref: "paper", x0: 0, x1: 1, y0: at, y1: at, line: { color: this.ink.bad, width: 1, dash: "3px,3px" }, layer: "below" };
  }

  /** Where something began: a line through every plot, its time in the first. */
  mark({ at, tone }) {
    return { type: "line", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line: { color: this.ink[tone], width: 1 } };
  }

  markLabel({ at, tone }) {
    const [start, end] = this.board.range;
    if (at < start || at > end) return [];
    const late = (at - start) / (end - start) > 0.8;
    const font = { family: this.font, color: this.ink[tone], size: 12 };
    return [{ x: at, yref: "paper", y: 0, xanchor: late ? "right" : "left", yanchor: "bottom", text: clock(at), showarrow: false, font, borderpad: 2, bgcolor: this.ink.ground, opacity: 0.85 }];
  }

  get isFirst() { return this.element.previousElementSibling === null; }

  relayouted(change) {
    const from = change["xaxis.range[0]"], to = change["xaxis.range[1]"];
    if (from !== undefined && to !== undefined) this.board.zoomTo([from, to]);
  }

  destroy() { if (this.canvas.data) window.Plotly?.purge(this.canvas); }
}
