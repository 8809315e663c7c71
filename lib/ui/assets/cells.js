// The KV cache now, as a picture: one cell per block, or per so many blocks that it stays a picture.

import { h, mark, put } from "./dom.js";

const HEIGHT = 144;
const LARGEST = 14;

export class Cells {
  constructor() {
    this.words = h("p.vi-now");
    this.grid = h("div.vi-cells", { "aria-hidden": "true" });
    this.element = h("section.vi-panel", { "data-panel": "cells", "aria-label": "KV blocks now" },
      h("h3", { title: "How many blocks are in use; which ones is not reported" }, "Blocks now"), this.words, this.grid);
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.element);
    this.filled = 0;
  }

  show(cells) {
    this.element.hidden = !cells;
    if (!cells) return;
    put(this.words, cells.words);
    if (this.grid.childElementCount !== cells.all) {
      this.grid.replaceChildren(...Array.from({ length: cells.all }, () => h("i")));
      this.filled = 0;
      this.fit();
    }
    // Only those that change: there may be thousands.
    for (let index = Math.min(this.filled, cells.used); index < Math.max(this.filled, cells.used); index += 1) {
      const cell = this.grid.children[index];
      if (cell) mark(cell, "class", index < cells.used ? "vi-full" : null);
    }
    this.filled = cells.used;
  }

  /** Cells as large as all of them can be. */
  fit() {
    const width = this.grid.clientWidth, count = this.grid.childElementCount;
    let pitch = LARGEST;
    while (pitch > 3 && Math.floor((width + 2) / pitch) * Math.floor(HEIGHT / pitch) < count) pitch -= 0.5;
    const gap = pitch > 8 ? 2 : 1;
    this.grid.style.setProperty("--cell", `${pitch - gap}px`);
    this.grid.style.setProperty("--gap", `${gap}px`);
  }

  destroy() { this.sizes.disconnect(); }
}
