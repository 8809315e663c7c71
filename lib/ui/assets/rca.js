// RCA / Cache: the verdict, the figures that explain it, their curves.

import { tell } from "./address.js";
import { Board } from "./board.js";
import { Cells } from "./cells.js";
import { h, mark, put, state, themed } from "./dom.js";
import { clock, span } from "./figures.js";
import { Head } from "./head.js";
import { Plot } from "./plot.js";
import { Stream, announce } from "./stream.js";

const LONG_PAUSE = 600;
const SILENT = { tone: "watch", text: "The dashboard has stopped answering; what you see is getting old. Trying again." };

export class Rca {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.data = page.data;
    this.window = page.data.window;
    this.head = new Head(page.data, {
      window: (key) => this.choose(key), pause: (paused) => this.pause(paused), unzoom: () => this.board.zoomTo(null),
    });
    this.verdict = h("div.vi-verdict", { "aria-label": "Findings", role: "region" });
    this.panels = h("div.vi-panels.vi-loading", {}, ...Array.from({ length: 6 }, () => h("div.vi-skeleton")));
    this.absent = h("section.vi-absent", { hidden: true });
    root.replaceChildren(this.head.element, this.head.banner, this.verdict, this.panels, this.absent);
    this.board = new Board((zoom) => this.head.zoomed(zoom));
    this.plots = new Map();
    this.cells = new Cells();
    this.stream = new Stream(this);
    this.clock = setInterval(() => this.grow(), 1000);
    loadPlotly(page.data.plotly).then(() => this.board.schedule());
    this.aim();
  }

  update(data) {
    this.data = data;
    if (data.window !== this.asked) this.window = data.window;
    this.asked = undefined;
    this.head.select(this.window);
    this.aim();
    this.restyle();
  }

  /** The script also runs this when the viewer changes the theme. */
  restyle() {
    const look = ["--vi-series", "--vi-quiet", "--vi-line", "--vi-bad"].map((name) => themed(this.root, name)).join();
    if (this.look !== undefined && look !== this.look) this.board.restyle();
    this.look = look;
  }

  aim() {
    const address = `${this.data.stream}&window=${this.window}`;
    if (this.stream.address !== undefined && address !== this.stream.address) this.dim(true);
    this.stream.aim(address, this.data.ticket);
    tell({ server: this.data.server, window: this.window });
  }

  choose(key) {
    if (key === this.window) return;
    this.window = this.asked = key;
    this.head.select(key);
    this.head.pause(false);
    this.board.zoomTo(null);
    this.aim();
    this.page.send("window", key);
  }

  denied() { this.page.send("ticket", Date.now()); }

  silent(is) {
    this.isSilent = is;
    this.head.warn(is ? SILENT : this.banner);
    this.grow();
  }

  // ── What the stream brings ──

  /** Everything: at the start, after a break, and when what the server reports has changed. */
  frame(frame) {
    if (this.head.paused && this.cover) { this.held = [{ whole: frame }]; return; }
    this.dim(false);
    this.cover = frame;
    this.board.cover(frame.start, frame.step, frame.size);
    const same = this.plots.size > 0 && frame.panels.length === this.plots.size && frame.panels.every((spec) => this.plots.has(spec.key));
    if (!same) this.build(frame.panels);
    else for (const spec of frame.panels) this.plots.get(spec.key).load(spec);
    this.missing(frame.absent);
    this.read(frame);
    this.board.schedule();
  }

  build(panels) {
    this.board.clear();
    this.plots = new Map(panels.map((spec) => [spec.key, new Plot(spec, this.board, () => window.Plotly)]));
    this.panels.classList.remove("vi-loading");
    this.panels.replaceChildren(...[...this.plots.values()].map((plot) => plot.element), this.cells.element);
    for (const plot of this.plots.values()) this.board.add(plot);
    if (!panels.length) this.panels.replaceChildren(h("p.vi-note", {}, "No figures yet: they appear with the first answer of this server."));
  }

  /** While paused ticks wait; a pause too long for that ends with a fresh frame. */
  tick(tick) {
    if (!this.cover) return;
    if (this.head.paused) { this.held.push(tick); return; }
    if (tick.bins) {
      this.board.start = tick.bins.start + tick.bins.step * (tick.bins.size - this.board.size);
      for (const plot of this.plots.values()) plot.append(tick.bins, this.board.size);
    }
    this.read(tick);
    this.board.schedule();
  }

  /** What frames and ticks have in common. */
  read(news) {
    this.head.took(news.at + this.stream.skew, news.period);
    this.banner = news.banner;
    this.head.warn(this.isSilent ? SILENT : news.banner);
    for (const [key, items] of Object.entries(news.figures ?? {})) this.plots.get(key)?.show(items);
    if (news.cells !== undefined) this.cells.show(news.cells);
    if (news.who) this.identify(news.who);
    if (news.status) this.status = news.status;
    if (news.findings) this.findings = news.findings;
    if (news.who || news.status || news.findings) this.judge();
    if (news.servers) announce(news.servers);
    this.grow();
  }

  pause(paused) {
    const held = this.held ?? [];
    this.held = [];
    if (paused || !held.length) return;
    if (held.length > LONG_PAUSE) this.stream.open();
    else for (const news of held) news.whole ? this.frame(news.whole) : this.tick(news);
  }

  // ── What it draws besides plots ──

  identify({ name, model, version, simulated, url }) {
    const parts = [model, version && `vLLM ${version}`].filter(Boolean).join(" · ");
    this.state = h("span.vi-now-state");
    this.head.line.replaceChildren(
      h("b", {}, name), parts ? `· ${parts}` : "", simulated ? h("span.vi-demo", { title: `A simulated server at ${url}` }, "demo · simulated") : "", this.state);
  }

  judge() {
    const { findings, fine, unchecked } = this.findings ?? { findings: [], fine: [], unchecked: [] };
    const { tone, words, since, text } = this.status;
    this.state.replaceChildren(state(tone, words, text), h("span", { "data-since": since }));
    const key = JSON.stringify([tone, words, since, tone === "good" || text, findings, fine, unchecked]);
    if (key === this.judged) return;
    this.judged = key;
    const ill = tone === "bad" || tone === "watch";
    const blocks = findings.map((finding) => this.finding(finding));
    if (ill) blocks.unshift(this.trouble(tone, words, since, text));
    else if (!findings.length && tone === "good") blocks.push(this.nothing(fine));
    this.verdict.replaceChildren(...blocks, ...this.unchecked(unchecked));
    const marks = findings.filter((finding) => finding.tone !== "hint").map((finding) => ({ at: finding.since, tone: finding.tone }));
    this.board.mark(ill ? [...marks, { at: since, tone }] : marks);
  }

  trouble(tone, words, since, text) {
    return h("section.vi-finding", { "data-tone": tone }, h("h2", {}, words), h("p", {}, h("span", { "data-began": since }), " ", text));
  }

  unchecked(unchecked) {
    if (!unchecked.length) return [];
    return [h("details.vi-unchecked", {}, h("summary", {}, `${unchecked.length} not checked`), h("ul", {}, ...unchecked.map((what) => h("li", {}, what))))];
  }

  nothing(fine) {
    if (!fine.length) return h("section.vi-finding", {}, h("h2", {}, "Too early to judge"), h("p.vi-quiet", {}, "Each check needs to see a while of readings first."));
    return h("section.vi-finding", { "data-tone": "good" }, h("h2", {}, "Nothing wrong"),
      fine.length ? h("p.vi-quiet", {}, `Checked: ${fine.join(" · ")}`) : null);
  }

  finding(finding) {
    const evidence = finding.evidence.map(({ label, figure, threshold, since }) => h("li", {},
      h("b", {}, `${label} ${figure}`), h("span", {}, [since && clock(since), threshold].filter(Boolean).join(" · "))));
    return h("section.vi-finding", { "data-tone": finding.tone }, h("h2", {}, finding.headline),
      h("p", {}, h("span", { "data-began": finding.since }), " ", finding.detail),
      evidence.length ? h("ul.vi-evidence", {}, ...evidence) : null,
      finding.ruled_out.length ? h("p.vi-quiet", {}, `Ruled out: ${finding.ruled_out.join(", ")}.`) : null,
      finding.remedy ? h("p.vi-quiet", {}, "Remedy: ", ...flagged(finding.remedy)) : null);
  }

  missing(absent) {
    this.absent.hidden = !absent.length;
    this.absent.replaceChildren(h("h2", {}, "Not reported by this server"),
      h("dl", {}, ...absent.flatMap(({ what, shown_by }) => [h("dt", {}, what), h("dd", {}, ...flagged(shown_by || "not by this release"))])));
  }

  /** Ages that grow without news. */
  grow() {
    const old = this.head.age();
    mark(this.panels, "data-stale", !this.head.paused && (old || this.isSilent) ? "true" : null);
    const now = this.stream.now;
    for (const element of this.verdict.querySelectorAll("[data-since]")) put(element, ` for ${span(now - element.dataset.since)}`);
    for (const element of this.verdict.querySelectorAll("[data-began]")) {
      put(element, `Since ${clock(Number(element.dataset.began))} (${span(now - element.dataset.began)}).`);
    }
  }

  dim(is) { mark(this.panels, "data-waiting", is ? "true" : null); }

  destroy() {
    clearInterval(this.clock);
    this.stream.close();
    this.board.destroy();
    this.cells.destroy();
  }
}

/** Flags in a sentence in mono. */
function flagged(sentence) {
  return sentence.split(/((?:--[a-z][\w-]*(?:[ =](?!or |and |up|to )[\w./]+)?)|[A-Z]+(?:_[A-Z0-9]+)+(?:=\w+)?)/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

let loading = null;
function loadPlotly(address) {
  loading ??= window.Plotly ? Promise.resolve() : new Promise((resolve, reject) => {
    document.head.append(h("script", { src: new URL(address, document.baseURI).href, onload: resolve, onerror: reject }));
  });
  return loading;
}
