// What the chosen server does meanwhile: a few figures of the Overview's stream, ticking beside the talk.

import { h, mark, put, state } from "./dom.js";
import { ABSENT } from "./figures.js";
import { Stream, announce } from "./stream.js";

const FIGURES = [["running", "running"], ["waiting", "waiting"], ["blocks", "KV"], ["tokens", "tokens/s"]];

export class Pulse {
  /** `denied` asks the page for a fresh ticket. */
  constructor(denied) {
    this.denied = denied;
    this.rows = new Map();
    this.state = h("span.vc-now");
    this.figures = new Map(FIGURES.map(([key, words]) => [key, h("span.vi-figure", {}, h("b", {}, ABSENT), h("span", {}, words))]));
    this.element = h("span.vc-pulse", { "aria-label": "This server now" }, this.state, ...this.figures.values());
    this.stream = new Stream(this);
  }

  /** Follow the server that the page is about. */
  aim({ server, state: told, live, ticket, windows }) {
    this.server = server;
    this.told = told;
    if (live) this.stream.aim(`${live}&window=${windows[0].key}`, ticket);
    this.draw();
  }

  frame(news) {
    this.rows.clear();
    this.tick(news);
  }

  tick(news) {
    for (const { name, state: said, cells } of news.rows ?? []) {
      const row = this.rows.get(name) ?? { cells: {} };
      this.rows.set(name, { state: said ?? row.state, cells: { ...row.cells, ...cells } });
    }
    if (news.servers) announce(news.servers);
    this.draw();
  }

  silent(is) { mark(this.element, "data-stale", is ? "true" : null); }

  draw() {
    const row = this.rows.get(this.server);
    const said = row?.state ?? this.told;
    const key = said ? `${said.tone} ${said.words}` : "";
    if (key !== this.said) this.state.replaceChildren(said ? state(said.tone, said.words, said.text ?? null) : "");
    this.said = key;
    for (const [name, element] of this.figures) {
      const [text, how, tone] = row?.cells[name] ?? [ABSENT, null, null];
      put(element.firstChild, text);
      mark(element, "title", how);
      mark(element, "data-tone", tone);
    }
  }

  destroy() { this.stream.close(); }
}
