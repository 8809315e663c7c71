// The KV cache now, as a picture: one cell per block, or per so many blocks that it stays a picture.

import { h, mark, put } from "./dom.js";

export class Cells {
  constructor() {
    this.words = h("p.vi-now");
    this.grid = h("div.vi-cells", { "aria-hidden": "true" });
    this.element = h("section.vi-panel", { "data-panel": "cells", "aria-label": "KV blocks now" },
      h("h3", { title: "How many blocks are in use; which ones is not reported" }, "Blocks now"), this.words, this.grid);
  }

  show(cells) {
    this.element.hidden = !cells;
    if (!cells) return;
    put(this.words, `${cells.words} · filled = in use`);
    while (this.grid.childElementCount > cells.all) this.grid.lastChild.remove();
    while (this.grid.childElementCount < cells.all) this.grid.append(h("i"));
    [...this.grid.children].forEach((cell, index) => mark(cell, "class", index < cells.used ? "vi-full" : null));
  }
}
