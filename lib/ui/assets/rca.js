// RCA / Cache: what is wrong and why, the figures that explain it, their curves.

import { tell } from "./address.js";
import { Board } from "./board.js";
import { Cells } from "./cells.js";
import { h, mark, place, state, themed } from "./dom.js";
import { FindingView } from "./finding.js";
import { Outlook } from "./outlook.js";
import { Plot, plotly, take } from "./plot.js";
import { age, flagged, identity, lasting, trouble } from "./verdict.js";
import { LiveView } from "./view.js";

const TOOLS = ".st-key-rca-tools";
const SCROLL_TRIES = 20;
const EARLY = 2;  // so many checks that wait for readings, to one that was made: too early to judge
const BLOCKS_AFTER = 2;  // the plots of the cache and of the requests come before the picture of the blocks

export class Rca extends LiveView {
  constructor(root, page) {
    super(root, page, { unzoom: () => this.board.zoomTo(null) });
    this.verdict = h("div.vi-verdict", { "aria-label": "Findings", role: "region" });
    this.outlook = new Outlook();
    this.panels = h("div.vi-panels.vi-loading", {}, ...Array.from({ length: 6 }, () => h("div.vi-skeleton")));
    this.absent = h("section.vi-absent", { hidden: true });
    root.replaceChildren(this.head.element, this.head.banner, this.verdict, this.outlook.element, this.panels, this.absent);
    this.board = new Board((zoom) => this.head.zoomed(zoom));
    this.plots = new Map();
    this.evidence = new Map();
    this.views = new Map();
    this.opened = new URL(location.href).searchParams.get("finding");
    this.cells = new Cells();
    this.head.pauseButton.before(h("button.vi-button", { type: "button", title: "Compare what was before with what is now", onclick: () => this.tool("changes") }, "What changed"));
    plotly(page.data.plotly).then(() => this.board.schedule());
    this.begin();
  }

  update(data) {
    if (data.server !== this.data.server) this.opened = null;
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

  address() { return { server: this.data.server, window: this.window, finding: this.opened }; }

  /** Open a tool under the view, and go there: again while it grows, unless the viewer goes elsewhere. */
  tool(name) {
    this.page.send("tool", name);
    let tries = SCROLL_TRIES, height = 0;
    const go = () => {
      const tools = document.querySelector(TOOLS);
      if (tools && tools.offsetHeight !== height) tools.scrollIntoView({ block: "start" });
      height = tools?.offsetHeight;
      if ((tries -= 1) > 0) setTimeout(go, 150);
    };
    addEventListener("wheel", () => { tries = 0; }, { once: true, passive: true });
    go();
  }

  /** Open the evidence of a finding, or close it; one at a time, and the address says which. */
  opens(rule, is) {
    this.opened = is ? rule : null;
    for (const [name, view] of this.views) view.open(name === this.opened);
    tell(this.address());
    this.board.schedule();
  }

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
    this.prove(frame.evidence);
    this.show(frame);
  }

  build(panels) {
    for (const plot of this.plots.values()) this.board.remove(plot);
    this.plots = new Map(panels.map((spec) => [spec.key, new Plot(spec, this.board)]));
    this.panels.classList.remove("vi-loading");
    const elements = [...this.plots.values()].map((plot) => plot.element);
    elements.splice(BLOCKS_AFTER, 0, this.cells.element);
    this.panels.replaceChildren(...elements);
    for (const plot of this.plots.values()) this.board.add(plot);
    if (!panels.length) this.panels.replaceChildren(h("p.vi-note", {}, "No figures yet: they appear with the first answer of this server."));
  }

  step(tick) {
    if (tick.bins) {
      for (const spec of this.evidence.values()) take(spec, tick.bins, this.board.size);
      this.board.follow(tick.bins);
    }
    if (tick.evidence) this.prove(tick.evidence);
    this.show(tick);
  }

  /** The curves of the findings, whole. */
  prove(evidence) {
    this.evidence = new Map(Object.entries(evidence));
    this.proven = true;
  }

  /** What frames and ticks have in common. */
  show(news) {
    for (const [key, items] of Object.entries(news.figures ?? {})) this.plots.get(key)?.show(items);
    if (news.cells !== undefined) this.cells.show(news.cells);
    if (news.who) this.identify(news.who);
    if (news.status) this.status = news.status;
    if (news.findings) this.findings = news.findings;
    if (news.outlook) this.outlook.show(news.outlook);
    if (news.who || news.status || news.findings) this.judge();
    if (this.proven) for (const view of this.views.values()) view.renew();
    this.proven = false;
    this.read(news, news.at, news.period);
    this.board.schedule();
  }

  // ── What it draws besides plots ──

  identify(who) {
    this.state = h("span.vi-now-state");
    this.head.line.replaceChildren(...identity(who), this.state);
  }

  judge() {
    const { findings, fine, unchecked, early } = this.findings ?? { findings: [], fine: [], unchecked: [], early: 0 };
    const { tone, words, since, text, told } = this.status;
    this.state.replaceChildren(state(tone, words, text), lasting(this.status) ?? "");
    const key = JSON.stringify([tone, words, since, told, tone === "good" || text, findings, fine, unchecked]);
    if (key === this.judged) return;
    this.judged = key;
    const ill = (tone === "bad" || tone === "watch") && !told;
    const blocks = this.blocks(findings);
    if (ill) blocks.unshift(trouble(this.status));
    else if (!findings.length && tone === "good") blocks.push(this.nothing(fine, early));
    place(this.verdict, [...blocks, ...this.over(findings, fine), ...this.unchecked(unchecked)]);
    const marks = findings.filter((finding) => finding.tone !== "hint").map((finding) => ({ at: finding.since, tone: finding.tone }));
    this.board.mark(ill ? [...marks, { at: since, tone }] : marks);
  }

  /** The findings' elements, in order; those that last keep theirs. */
  blocks(findings) {
    for (const [rule, view] of this.views) {
      if (findings.some((finding) => finding.rule === rule)) continue;
      view.open(false);
      this.views.delete(rule);
    }
    return findings.map((finding) => {
      const view = this.views.get(finding.rule);
      if (view) view.update(finding);
      else {
        this.views.set(finding.rule, new FindingView(finding, this));
        this.views.get(finding.rule).open(finding.rule === this.opened);
      }
      return this.views.get(finding.rule).element;
    });
  }

  /** A link may be older than what it points at. */
  over(findings, fine) {
    const is = this.opened && (findings.length || fine.length) && !this.views.has(this.opened);
    return is ? [h("p.vi-note", {}, `The finding that this link opens (${this.opened.replaceAll("_", " ").slice(0, 40)}) is not there now.`)] : [];
  }

  unchecked(unchecked) {
    if (!unchecked.length) return [];
    return [h("details.vi-unchecked", { open: this.verdict.querySelector(".vi-unchecked")?.open }, h("summary", {}, `${unchecked.length} not checked`), h("ul", {}, ...unchecked.map((what) => h("li", {}, what))))];
  }

  /** `early` checks need to see a longer while of readings: with many of those nothing is said yet. */
  nothing(fine, early) {
    const checked = fine.length ? `Checked: ${fine.join(" · ")}` : "";
    if (!fine.length || early > EARLY * fine.length) return h("section.vi-finding", {}, h("h2", {}, "Too early to judge"), h("p.vi-quiet", {}, `Most checks need to see a while of readings first. ${checked}`));
    return h("section.vi-finding", { "data-tone": "good" }, h("h2", {}, early ? "Nothing wrong so far" : "Nothing wrong"), h("p.vi-quiet", {}, checked));
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
