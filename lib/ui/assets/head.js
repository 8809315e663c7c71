// The top of a live page: title, what it shows, when it was last updated, the window, pause; and the banner below.

import { h, mark, put } from "./dom.js";
import { clock, span } from "./figures.js";

export class Head {
  /** `acts` has window(key), pause(is), and unzoom(). */
  constructor(data, acts) {
    this.acts = acts;
    this.line = h("p.vi-line");
    this.updated = h("span.vi-updated", { role: "status", "aria-live": "off" });
    this.windows = new Map(data.windows.map(({ key, label, words }) => [
      key, h("button", { type: "button", title: `Show the last ${words}`, onclick: () => acts.window(key) }, label),
    ]));
    this.pauseButton = h("button.vi-button", { type: "button", "aria-pressed": "false", onclick: () => this.pause(!this.paused) });
    this.unzoom = h("button.vi-button", { type: "button", hidden: true, onclick: () => acts.unzoom() }, "Reset zoom");
    this.banner = h("p.vi-banner", { role: "alert", hidden: true });
    this.element = h("header.vi-head", {},
      h("div.vi-title", {}, h("h1", {}, data.title), this.line),
      h("div.vi-controls", {}, this.updated, this.unzoom,
        h("div.vi-segments", { role: "group", "aria-label": "Window of time" }, ...this.windows.values()), this.pauseButton));
    this.pause(false);
    this.select(data.window);
  }

  select(key) {
    for (const [name, button] of this.windows) mark(button, "aria-pressed", String(name === key));
  }

  pause(paused) {
    this.paused = paused;
    mark(this.pauseButton, "aria-pressed", String(paused));
    mark(this.pauseButton, "title", paused ? "Show what came meanwhile and go on" : "Hold the page still; nothing is lost");
    this.pauseButton.replaceChildren(
      h("span.vi-icon", { "aria-hidden": "true" }, paused ? "play_arrow" : "pause"), paused ? "Resume" : "Pause");
    if (paused) this.pausedAt = this.at;
    this.age();
    this.acts.pause?.(paused);
  }

  zoomed(zoom) { this.unzoom.hidden = !zoom; }

  /** When the newest figure on screen was taken (s, viewer's clock). Older than two periods: its age is said. */
  took(at, period) {
    this.at = at;
    this.period = period;
    this.age();
  }

  age() {
    if (this.at === undefined) { put(this.updated, "waiting for the first reading"); return; }
    const age = Date.now() / 1000 - this.at;
    const old = age > 2 * this.period + 1;
    if (this.paused) put(this.updated, `paused at ${clock(this.pausedAt)}`);
    else put(this.updated, old ? `last reading ${span(age)} ago` : `updated ${clock(this.at)}`);
    mark(this.updated, "data-tone", old && !this.paused ? "watch" : null);
    return old;
  }

  warn(banner) {
    this.banner.hidden = !banner;
    if (!banner) return;
    put(this.banner, banner.text);
    mark(this.banner, "data-tone", banner.tone);
  }
}
