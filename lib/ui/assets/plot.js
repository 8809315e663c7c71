// One panel: its title, the figures that tick, and its plot, drawn with Plotly. New bins are appended with
// `Plotly.extendTraces`; zoom, cursor and theme never leave the browser.

import { h, put, mark, themed } from "./dom.js";
import { axisTexts, clock, roundTop, timeTicks, written } from "./figures.js";

const MARGIN = { l: 52, r: 12, t: 10, b: 22 };
const HEIGHT = 150;
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false, showAxisDragHandles: false };

export class Plot {
  constructor(spec, board, plotly) {
    this.spec = spec;
    this.board = board;
    this.plotly = plotly;
    this.stale = true;
    this.seen = false;
    this.pending = 0;
    this.now = h("p.vi-now");
    this.canvas = h("div.vi-canvas");
    this.cursor = h("div.vi-cursor", { hidden: true });
    this.area = h("div.vi-plot", { tabindex: 0, role: "img", "aria-label": `${spec.title}, curve over time` }, this.canvas, this.cursor);
    this.area.style.height = `${HEIGHT}px`;
    this.element = h("section.vi-panel", { "data-panel": spec.key, "aria-label": spec.title },
      h("h3", { title: spec.how }, spec.title), this.now, this.area);
    this.note = h("span.vi-note");
    this.listen();
    this.load(spec);
  }

  /** Everything anew, from a frame. */
  load(spec) {
    this.spec = spec;
    this.data = spec.data;
    this.drawn = false;
    this.stale = true;
    this.pending = 0;
    this.figures = spec.curves.map((curve) => this.figure(curve));
    const limits = spec.limits.map(({ label }) => h("span.vi-figure", { title: "threshold" }, h("i.vi-key.vi-limit", { "aria-hidden": "true" }), h("span", {}, label)));
    this.now.replaceChildren(...this.figures, ...limits, this.note);
  }

  /** New bins; drawn at the next chance. */
  append(bins, size) {
    for (const curve of this.spec.curves) {
      const values = this.data[curve.key];
      values.push(...bins.data[`${this.spec.key}.${curve.key}`]);
      values.splice(0, values.length - size);
    }
    this.pending += bins.size;
    this.stale = true;
  }

  /** What stands above the plot, per curve [text, tone], and a note. Kept back while the cursor is on a plot. */
  show({ texts, note }) {
    this.latest = { texts, note };
    if (this.board.cursor == null) this.write(texts, note);
  }

  write(texts, note) {
    this.spec.curves.forEach((curve, index) => {
      const [text, tone] = texts[index];
      put(this.figures[index].firstElementChild.nextElementSibling, text);
      mark(this.figures[index], "data-tone", tone);
    });
    put(this.note, note);
  }

  figure(curve) {
    const key = h("i.vi-key", { "data-colour": curve.colour ?? "none", "data-area": curve.line ? curve.area && curve.colour !== null : "only", "aria-hidden": "true" });
    return h("span.vi-figure", { title: curve.how }, key, h("b"), h("span", {}, curve.label));
  }

  /** Cursor at a moment (every plot at once), or away with null. */
  point(moment) {
    if (moment == null || !this.width) {
      this.cursor.hidden = true;
      this.now.classList.remove("vi-past");
      if (this.latest) this.write(this.latest.texts, this.latest.note);
      return;
    }
    const [start, end] = this.board.range;
    const index = Math.round((moment - this.board.start) / this.board.step);
    const at = this.board.start + index * this.board.step;
    this.cursor.hidden = false;
    this.cursor.style.transform = `translateX(${(MARGIN.l + ((at - start) / (end - start)) * this.width).toFixed(1)}px)`;
    put(this.cursor, clock(at, this.board.step * this.board.size, this.board.step < 900));
    this.cursor.classList.toggle("vi-left", (at - start) / (end - start) > 0.7);
    this.now.classList.add("vi-past");
    this.write(this.spec.curves.map((curve) => [written(this.spec.write, this.data[curve.key][index]), null]), `at ${clock(at, this.board.step * this.board.size)}`);
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
    this.area.onkeydown = (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
      if (event.key === "Escape") { this.board.zoomTo(null); this.board.pointAt(null); }
      if (!steps) return;
      event.preventDefault();
      const [start, end] = this.board.range;
      const from = this.board.cursor ?? end;
      this.board.pointAt(Math.min(end, Math.max(start, from + steps * this.board.step)));
    };
  }

  resized() {
    const width = this.area.clientWidth - MARGIN.l - MARGIN.r;
    if (width === this.width) return;
    this.width = width;
    this.stale = true;
  }

  restyle() { this.drawn = false; this.stale = true; }

  draw() {
    this.width = this.area.clientWidth - MARGIN.l - MARGIN.r;
    if (this.width <= 0 || !this.plotly()) return;
    this.stale = false;
    if (!this.drawn) this.drawWhole();
    else this.extend();
    if (this.board.cursor != null) this.point(this.board.cursor);
  }

  drawWhole() {
    const fresh = !this.canvas.data;
    this.colours = themed(this.element, "--vi-series").split(",");
    const x = this.times();
    const traces = this.lines.map((curve) => ({
      type: "scatter", mode: "lines", x, y: this.data[curve.key].slice(), hoverinfo: "skip", connectgaps: false,
      line: { color: this.colour(curve), width: curve.colour === null ? 1 : 1.5, simplify: true },
      ...(curve.area ? { fill: curve === this.lines[0] ? "tozeroy" : "tonexty", fillcolor: this.tint(curve) } : {}),
    }));
    traces.push(...this.lines.map((curve) => ({
      type: "scatter", mode: "markers", hoverinfo: "skip", ...this.lonely(curve), marker: { color: this.colour(curve), size: 3 },
    })));
    this.plotly().react(this.canvas, traces, this.layout(), CONFIG);
    if (fresh) this.canvas.on("plotly_relayout", (change) => this.relayouted(change));
    this.drawn = true;
    this.pending = 0;
  }

  /** Append what is new. The layout is changed first, so that Plotly draws once. */
  extend() {
    const count = Math.min(this.pending, this.board.size);
    this.pending = 0;
    Object.assign(this.canvas.layout, this.layout());
    const curves = this.lines;
    const times = this.times().slice(this.board.size - count);
    curves.forEach((curve, index) => Object.assign(this.canvas.data[curves.length + index], this.lonely(curve)));
    this.plotly().extendTraces(this.canvas, {
      x: curves.map(() => times),
      y: curves.map((curve) => this.data[curve.key].slice(this.board.size - count)),
    }, curves.map((_, index) => index), this.board.size);
  }

  times() {
    return Array.from({ length: this.board.size }, (_, index) => this.board.start + index * this.board.step);
  }

  /** Points without a neighbour: a line alone would not show them. */
  lonely(curve) {
    const values = this.data[curve.key];
    const x = [], y = [];
    for (let index = 0; index < values.length; index += 1) {
      if (values[index] !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null) {
        x.push(this.board.start + index * this.board.step);
        y.push(values[index]);
      }
    }
    return { x, y };
  }

  get lines() { return this.spec.curves.filter((curve) => curve.line); }

  /** What lies under a curve: its colour, as faint as a panel. */
  tint(curve) {
    const [red, green, blue] = this.colour(curve).match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16));
    return `rgba(${red},${green},${blue},${curve.colour === null ? 0.06 : 0.14})`;
  }

  colour(curve) { return curve.colour === null ? themed(this.element, "--vi-quiet") : this.colours[curve.colour].trim(); }

  highest() {
    if (this.spec.top) return this.spec.top;
    const [start, end] = this.board.range;
    const from = Math.max(0, Math.floor((start - this.board.start) / this.board.step));
    const to = Math.ceil((end - this.board.start) / this.board.step);
    let highest = 0;
    for (const curve of this.lines) {
      const values = this.data[curve.key];
      for (let index = from; index <= to && index < values.length; index += 1) if (values[index] > highest) highest = values[index];
    }
    return roundTop(highest, this.spec.write);
  }

  layout() {
    const ink = themed(this.element, "--vi-quiet"), line = themed(this.element, "--vi-line");
    const font = { family: themed(this.element, "font-family") || "sans-serif", size: 12, color: ink };
    const [start, end] = this.board.range;
    const top = this.highest();
    const ticks = timeTicks(start, end, this.width);
    return {
      width: this.width + MARGIN.l + MARGIN.r, height: HEIGHT, margin: MARGIN, font, showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: false, dragmode: "zoom",
      xaxis: {
        type: "linear", range: [start, end], tickvals: ticks.moments, ticktext: ticks.labels,
        showgrid: false, zeroline: false, showline: true, linecolor: line, linewidth: 1, fixedrange: false,
      },
      yaxis: {
        type: "linear", range: [0, top * 1.04], fixedrange: true, zeroline: false, gridcolor: line, gridwidth: 1,
        tickvals: [0, top / 2, top], ticktext: axisTexts([0, top / 2, top], this.spec.write),
      },
      annotations: this.board.marks.map((mark) => this.markLabel(mark, font)),
      shapes: [...this.spec.limits.map((limit) => this.limit(limit)), ...this.board.marks.map((mark) => this.mark(mark))],
    };
  }

  limit({ at }) {
    const color = themed(this.element, "--vi-bad");
    return { type: "line", xref: "paper", x0: 0, x1: 1, y0: at, y1: at, line: { color, width: 1, dash: "3px,3px" }, layer: "below" };
  }

  /** The moment at which something began stands in the first plot; the line alone in the others. */
  markLabel({ at, tone }, font) {
    const [start, end] = this.board.range;
    if (!this.isFirst || at < start || at > end) return { text: "", showarrow: false, x: end, y: 0 };
    const late = (at - start) / (end - start) > 0.8;
    const color = themed(this.element, `--vi-${tone}`);
    return { x: at, yref: "paper", y: 0, xanchor: late ? "right" : "left", yanchor: "bottom", text: clock(at), showarrow: false, font: { ...font, color, size: 11 }, borderpad: 2 };
  }

  get isFirst() { return this.element.previousElementSibling === null; }

  mark({ at, tone }) {
    const color = themed(this.element, `--vi-${tone}`);
    return { type: "line", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line: { color, width: 1 } };
  }

  relayouted(change) {
    const from = change["xaxis.range[0]"], to = change["xaxis.range[1]"];
    if (from !== undefined && to !== undefined) this.board.zoomTo([from, to]);
  }

  destroy() { if (this.canvas.data) this.plotly()?.purge(this.canvas); }
}
