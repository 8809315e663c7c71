// RCA / Cache: the verdict, the figures that explain it, their curves.

import { Board } from "./board.js";
import { Cells } from "./cells.js";
import { h, mark, state, themed } from "./dom.js";
import { clock } from "./figures.js";
import { Plot, plotly } from "./plot.js";
import { age, flagged, identity, lasting, trouble } from "./verdict.js";
import { LiveView } from "./view.js";

export class Rca extends LiveView {
  constructor(root, page) {
    super(root, page, { unzoom: () => this.board.zoomTo(null) });
    this.verdict = h("div.vi-verdict", { "aria-label": "Findings", role: "region" });
    this.panels = h("div.vi-panels.vi-loading", {}, ...Array.from({ length: 6 }, () => h("div.vi-skeleton")));
    this.absent = h("section.vi-absent", { hidden: true });
    root.replaceChildren(this.head.element, this.head.banner, this.verdict, this.panels, this.absent);
    this.board = new Board((zoom) => this.head.zoomed(zoom));
    this.plots = new Map();
    this.cells = new Cells();
    plotly(page.data.plotly).then(() => this.board.schedule());
    this.begin();
  }

  update(data) {
    super.update(data);
    this.restyle();
  }

  /** The script also runs this when the viewer changes the theme. */
  restyle() {
    const look = ["--vi-series", "--vi-quiet", "--vi-line", "--vi-bad"].map((name) => themed(this.root, name)).join();
    if (this.look !== undefined && look !== this.look) { this.board.restyle(); this.cells.restyle(); }
    this.look = look;
  }

  aim() {
    if (this.stream.address !== undefined && this.source() !== this.stream.address) this.dim(true);
    super.aim();
  }

  address() { return { server: this.data.server, window: this.window }; }

  choose(key) {
    if (key !== this.window) this.board.zoomTo(null);
    super.choose(key);
  }

  // ── What the stream brings ──

  /** Also comes when what the server reports has changed. */
  whole(frame) {
    this.dim(false);
    this.board.cover(frame.start, frame.step, frame.size);
    const same = this.plots.size > 0 && frame.panels.length === this.plots.size && frame.panels.every((spec) => this.plots.has(spec.key));
    if (!same) this.build(frame.panels);
    else for (const spec of frame.panels) this.plots.get(spec.key).load(spec);
    this.missing(frame.absent);
    this.show(frame);
  }

  build(panels) {
    this.board.clear();
    this.plots = new Map(panels.map((spec) => [spec.key, new Plot(spec, this.board)]));
    this.panels.classList.remove("vi-loading");
    this.panels.replaceChildren(...[...this.plots.values()].map((plot) => plot.element), this.cells.element);
    for (const plot of this.plots.values()) this.board.add(plot);
    if (!panels.length) this.panels.replaceChildren(h("p.vi-note", {}, "No figures yet: they appear with the first answer of this server."));
  }

  step(tick) {
    if (tick.bins) this.board.follow(tick.bins);
    this.show(tick);
  }

  /** What frames and ticks have in common. */
  show(news) {
    for (const [key, items] of Object.entries(news.figures ?? {})) this.plots.get(key)?.show(items);
    if (news.cells !== undefined) this.cells.show(news.cells);
    if (news.who) this.identify(news.who);
    if (news.status) this.status = news.status;
    if (news.findings) this.findings = news.findings;
    if (news.who || news.status || news.findings) this.judge();
    this.read(news, news.at, news.period);
    this.board.schedule();
  }

  // ── What it draws besides plots ──

  identify(who) {
    this.state = h("span.vi-now-state");
    this.head.line.replaceChildren(...identity(who), this.state);
  }

  judge() {
    const { findings, fine, unchecked } = this.findings ?? { findings: [], fine: [], unchecked: [] };
    const { tone, words, since, text } = this.status;
    this.state.replaceChildren(state(tone, words, text), lasting(this.status) ?? "");
    const key = JSON.stringify([tone, words, since, tone === "good" || text, findings, fine, unchecked]);
    if (key === this.judged) return;
    this.judged = key;
    const ill = tone === "bad" || tone === "watch";
    const blocks = findings.map((finding) => this.finding(finding));
    if (ill) blocks.unshift(trouble(this.status));
    else if (!findings.length && tone === "good") blocks.push(this.nothing(fine));
    this.verdict.replaceChildren(...blocks, ...this.unchecked(unchecked));
    const marks = findings.filter((finding) => finding.tone !== "hint").map((finding) => ({ at: finding.since, tone: finding.tone }));
    this.board.mark(ill ? [...marks, { at: since, tone }] : marks);
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
    age(this.verdict, this.stream.now);
    if (this.state) age(this.state, this.stream.now);
  }

  dim(is) { mark(this.panels, "data-waiting", is ? "true" : null); }

  destroy() {
    super.destroy();
    this.board.destroy();
    this.cells.destroy();
  }
}
