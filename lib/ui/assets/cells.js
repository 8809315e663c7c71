// The KV cache now, as a picture: one cell per block, or per so many blocks that it stays a picture. A canvas for each
// engine. Only cells that change are drawn again; they fade from one state to the next, so that the eye sees what moves.

import { h, mark, put, themed } from "./dom.js";

const HEIGHT = 132;          // of all engines together
const ROW = 22;              // and the least of one
const LARGEST = 26;
const FADE_MS = 320;
const FRAME_MS = 40;         // a fade needs no more pictures than that
/** How strong the accent is in a cell of that state; as in live.css. */
const FREE = 0.18;
const CACHED = 0.5;

export class Cells {
  constructor() {
    this.words = h("p.vi-now.vi-states");
    this.engines = h("div.vi-engines");
    this.title = h("h3", {}, "Blocks now");
    this.element = h("section.vi-panel", { "data-panel": "cells", "aria-label": "KV blocks now" }, this.title, this.words, this.engines);
    this.grids = [];
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.element);
  }

  /** `cells` as lib/ui/cells.py makes them; null where the server does not tell its blocks. */
  show(cells) {
    this.element.hidden = !cells;
    if (!cells) return;
    this.say(cells);
    const key = cells.engines.map(({ name }) => name).join("\n");
    if (key !== this.key || !this.grids.length) this.build(cells.engines, key);
    let changed = false;
    cells.engines.forEach((engine, index) => { changed = this.grids[index].aim(engine, cells.each) || changed; });
    if (changed || this.fitted !== this.count) this.fit();
    const jump = this.still.matches || document.hidden || !this.shown;
    this.shown = true;
    for (const grid of this.grids) grid.go(jump);
  }

  say({ words, of, how }) {
    mark(this.title, "title", how);
    const states = words.map(([state]) => state).join();
    if (states !== this.states) {
      this.states = states;
      this.counts = words.map(([state]) => h("span", {}));
      this.of = h("span.vi-note");
      this.words.replaceChildren(...words.map(([state], index) => h("span.vi-figure", {}, h("i.vi-cell", { "data-state": state, "aria-hidden": "true" }), this.counts[index])), this.of);
    }
    words.forEach(([, text], index) => put(this.counts[index], text));
    put(this.of, of);
  }

  build(engines, key) {
    this.key = key;
    this.grids = engines.map(({ name }) => new Grid(name));
    this.engines.replaceChildren(...this.grids.map((grid) => grid.element));
    mark(this.engines, "data-several", engines.length > 1 ? "" : null);
    this.restyle();
  }

  get count() { return this.grids.reduce((sum, grid) => sum + grid.count, 0); }

  /** Cells as large as all of them can be, the same for every engine. */
  fit() {
    const width = Math.floor(this.grids[0]?.canvas.parentElement.clientWidth ?? 0);
    if (!width) return;
    const height = Math.max(ROW, HEIGHT / this.grids.length);
    const most = Math.max(...this.grids.map((grid) => grid.count));
    let pitch = LARGEST;
    while (pitch > 3 && Math.floor(width / pitch) * Math.floor(height / pitch) < most) pitch -= 0.5;
    for (const grid of this.grids) grid.lay(width, pitch);
    this.fitted = this.count;
  }

  /** The theme has changed. */
  restyle() {
    const colour = themed(this.element, "--vi-accent");
    for (const grid of this.grids) grid.colour(colour);
  }

  destroy() {
    this.sizes.disconnect();
    for (const grid of this.grids) grid.rest();
  }
}

/** The blocks of one engine. A cell's state is two shares from 0 to 1: how much of it is in use, and how much is cached. */
class Grid {
  constructor(name) {
    this.canvas = h("canvas", { role: "img" });
    this.name = name;
    this.words = h("span.vi-note");
    this.element = h("div.vi-engine", {}, name ? h("span.vi-quiet", {}, `engine ${name}`) : null, h("div", {}, this.canvas), name ? this.words : null);
    this.count = 0;
  }

  /** What the cells shall show; whether their number is another one. */
  aim({ all, used, cached }, each) {
    const count = Math.ceil(all / each);
    const other = count !== this.count;
    if (other) {
      this.count = count;
      this.now = new Float32Array(2 * count);
      this.from = new Float32Array(2 * count);
      this.to = new Float32Array(2 * count);
    }
    const told = `${Math.round(used)} of ${Math.round(all)} used${cached ? `, ${Math.round(cached)} cached` : ""}`;
    put(this.words, told);
    mark(this.canvas, "aria-label", `${this.name ? `Engine ${this.name}: ` : ""}${told}`);
    const share = (blocks, index) => Math.min(1, Math.max(0, blocks / each - index));
    this.moving = [];
    for (let index = 0; index < count; index += 1) {
      const inUse = share(used, index);
      const held = share(used + (cached ?? 0), index) - inUse;
      this.to[2 * index] = inUse;
      this.to[2 * index + 1] = held;
      if (this.now[2 * index] !== inUse || this.now[2 * index + 1] !== held) this.moving.push(index);
    }
    this.from.set(this.now);
    return other;
  }

  /** Change what is to change: at once, or as a fade. */
  go(jump) {
    this.rest();
    if (!this.moving.length) return;
    if (jump || this.moving.length > this.count / 2) { this.step(1); return; }
    this.began = this.stepped = performance.now();
    const next = (time) => {
      if (time - this.stepped >= FRAME_MS || time - this.began >= FADE_MS) {
        this.stepped = time;
        this.step(Math.min(1, (time - this.began) / FADE_MS));
      }
      this.frame = time - this.began < FADE_MS ? requestAnimationFrame(next) : 0;
    };
    this.frame = requestAnimationFrame(next);
  }

  step(share) {
    for (const index of this.moving) {
      for (const at of [2 * index, 2 * index + 1]) this.now[at] = share === 1 ? this.to[at] : this.from[at] + (this.to[at] - this.from[at]) * share;
      this.cell(index);
    }
  }

  rest() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  // ── Drawing ──

  lay(width, pitch) {
    this.pitch = pitch;
    this.gap = pitch > 16 ? 4 : pitch > 8 ? 2 : 1;
    this.across = Math.max(1, Math.floor((width + this.gap) / pitch));
    const rows = Math.ceil(this.count / this.across);
    this.scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * this.scale);
    this.canvas.height = Math.max(1, Math.round((rows * pitch - this.gap) * this.scale));
    this.canvas.style.height = `${this.canvas.height / this.scale}px`;
    this.context = this.canvas.getContext("2d");
    this.context.scale(this.scale, this.scale);
    this.all();
  }

  colour(colour) {
    this.accent = colour;
    this.all();
  }

  all() {
    if (!this.context) return;
    for (let index = 0; index < this.count; index += 1) this.cell(index);
  }

  cell(index) {
    if (!this.context || !this.accent) return;
    const side = this.pitch - this.gap;
    const x = (index % this.across) * this.pitch;
    const y = Math.floor(index / this.across) * this.pitch;
    const [used, cached] = [this.now[2 * index], this.now[2 * index + 1]];
    this.context.clearRect(x - 0.25, y - 0.25, side + 0.5, side + 0.5);
    this.context.fillStyle = this.accent;
    this.context.globalAlpha = used + cached * CACHED + Math.max(0, 1 - used - cached) * FREE;
    this.context.beginPath();
    if (side >= 8) this.context.roundRect(x, y, side, side, side / 7);
    else this.context.rect(x, y, side, side);
    this.context.fill();
  }
}
