// Health: whether servers are fit to serve, how long they have been, and what each check says of the chosen ones.

import { Board } from "./board.js";
import { Checks } from "./checks.js";
import { h, mark, state, themed } from "./dom.js";
import { clock } from "./figures.js";
import { Plot, plotly } from "./plot.js";
import { Timeline } from "./timeline.js";
import { age, identity, lasting, trouble } from "./verdict.js";
import { Choice, LiveView } from "./view.js";

const WORST_FIRST = ["bad", "watch", "unknown", "off", "good"];

export class Health extends LiveView {
  constructor(root, page) {
    super(root, page, { unzoom: () => this.board.zoomTo(null) });
    this.picked = new Choice(page.data.chosen.join());
    this.board = new Board((zoom) => { this.head.zoomed(zoom); this.timeline.moved(); });
    this.timeline = new Timeline(this.board, (names) => this.pick(names));
    this.verdicts = h("div.vi-verdict", { role: "region", "aria-label": "Verdict" }, h("div.vi-skeleton.vi-thin"));
    this.button = h("button.vi-button", { type: "button", title: "Ask every check of the chosen servers now, beside the watcher's own rounds", onclick: () => this.look() }, "Check now");
    this.tables = h("div.vi-tables", {}, h("div.vi-skeleton"));
    this.panels = h("div.vi-panels.vi-small", {}, h("div.vi-skeleton"));
    this.events = h("div.vi-events");
    this.body = h("div.vi-health", {}, this.verdicts, this.timeline.element,
      h("section", { "aria-label": "Checks" }, h("div.vi-section-head", {}, h("h2", {}, "Checks"), this.button), this.tables),
      h("section", { "aria-label": "Latencies" }, h("div.vi-section-head", {}, h("h2", {}, "Latency of each check")), this.panels),
      h("section", { "aria-label": "Reasons" }, h("div.vi-section-head", {}, h("h2", {}, "What happened")), this.events));
    root.replaceChildren(this.head.element, this.head.banner, this.body);
    this.checks = new Map();
    this.plots = new Map();
    plotly(page.data.plotly).then(() => this.board.schedule());
    this.begin();
  }

  update(data) {
    this.picked.hear(data.chosen.join());
    super.update(data);
    const look = themed(this.root, "--vi-series");
    if (this.dressed !== undefined && look !== this.dressed) this.board.restyle();
    this.dressed = look;
  }

  /** The names of the servers whose checks are shown. */
  get chosen() { return this.picked.value.split(","); }

  source() { return `${super.source()}&servers=${encodeURIComponent(this.picked.value)}`; }

  address() {
    return { server: this.chosen[0], window: this.window, servers: this.chosen.length > 1 ? this.chosen.join() : null };
  }

  aim() {
    if (this.stream.address !== undefined && this.source() !== this.stream.address) mark(this.body, "data-waiting", "true");
    super.aim();
  }

  choose(key) {
    if (key !== this.window) this.board.zoomTo(null);
    super.choose(key);
  }

  /** Show these servers. */
  pick(names) {
    this.picked.take(names.join());
    this.head.pause(false);
    this.aim();
    this.page.send("chosen", names.join());
  }

  look() {
    for (const checks of this.checks.values()) checks.look();
    this.page.send("check", Date.now());
  }

  // ── What the stream brings ──

  whole(frame) {
    mark(this.body, "data-waiting", null);
    this.board.cover(frame.start, frame.step, frame.size);
    this.timeline.now = frame.now;
    this.timeline.whole(frame);
    this.tabulate(frame.chosen);
    this.plot(frame.panels);
    this.show(frame);
    this.timeline.moved();
  }

  step(tick) {
    if (tick.bins) this.board.follow(tick.bins);
    this.timeline.take(tick.strips);
    this.show(tick);
  }

  show(news) {
    this.timeline.show(news);
    for (const [key, items] of Object.entries(news.figures ?? {})) this.plots.get(key)?.show(items);
    const tables = [...this.checks.values()];
    news.rows.forEach((rows, index) => tables[index]?.show(rows));
    news.pressed?.forEach((pressed, index) => tables[index]?.press(pressed));
    if (news.who) this.identify(news.who);
    this.told = news.verdicts ?? this.told;
    this.checked = news.checked ?? this.checked;
    if (news.verdicts || news.checked || news.who) this.judge();
    if (news.events) this.happened(news.events);
    this.read(news, news.at, news.period);
    this.board.schedule();
  }

  tabulate(names) {
    if ([...this.checks.keys()].join() === names.join()) return;
    this.checks = new Map(names.map((name) => [name, this.checks.get(name) ?? new Checks(name, { infer: (server, model) => this.page.send("infer", [server, model]) }, this.data.model)]));
    this.tables.replaceChildren(...[...this.checks.values()].map((checks) => checks.element));
  }

  plot(panels) {
    const same = this.plots.size === panels.length && panels.every((spec) => this.plots.has(spec.key));
    if (same && this.plots.size) for (const spec of panels) this.plots.get(spec.key).load(spec);
    else {
      for (const plot of this.plots.values()) this.board.remove(plot);
      this.plots = new Map(panels.map((spec) => [spec.key, new Plot(spec, this.board)]));
      this.panels.replaceChildren(...[...this.plots.values()].map((plot) => plot.element));
      for (const plot of this.plots.values()) this.board.add(plot);
    }
    if (!panels.length) this.panels.replaceChildren(h("p.vi-note", {}, "No latencies yet: they appear with the first round of checks."));
  }

  // ── What it draws besides strips, tables and plots ──

  identify(who) {
    this.state = h("span.vi-now-state");
    this.head.line.replaceChildren(...identity(who), this.state);
  }

  judge() {
    const [first] = this.told;
    this.state?.replaceChildren(state(first.tone, first.words, first.text), lasting(first) ?? "");
    const several = this.told.length > 1;
    const names = [...this.checks.keys()];
    const blocks = this.told.map((verdict, index) => [WORST_FIRST.indexOf(verdict.tone), this.verdict(verdict, this.checked[index], several ? names[index] : "", names[index])]);
    this.verdicts.replaceChildren(...blocks.sort(([one], [other]) => one - other).map(([, block]) => block));
  }

  verdict(verdict, checked, name, server) {
    const finds = verdict.finds ? h("p", {}, h("a.vi-link", { href: `rca-cache?server=${encodeURIComponent(server)}&window=${this.window}` }, "RCA / Cache"), " finds: ", verdict.finds) : null;
    if (verdict.tone !== "good") return trouble(verdict, name, this.failed(checked));
    const when = checked.at ? `, checked at ${clock(checked.at)}` : "";
    const passed = checked.passed.length ? `Passed${when}: ${checked.passed.join(" · ")}.` : "Its readings come; no check has been asked yet.";
    return h("section.vi-finding", { "data-tone": "good" }, h("h2", {}, name ? `${name}: ${verdict.words}` : verdict.words),
      h("p", {}, h("span", { "data-began": verdict.since }), " ", verdict.text),
      h("p.vi-quiet", {}, passed), this.failed(checked), finds);
  }

  failed(checked) {
    return checked.failed.length ? h("p", {}, `Failed: ${checked.failed.join(" · ")}.`) : null;
  }

  happened(events) {
    if (!events.length) { this.events.replaceChildren(h("p.vi-quiet", {}, "Nothing was noted in this window.")); return; }
    const several = this.chosen.length > 1;
    this.events.replaceChildren(h("table.vi-table", {}, h("tbody", {}, ...events.map(({ at, server, kind, text }) => h("tr", {},
      h("td.vi-when", { title: clock(at, 1e9) }, clock(at, this.timeline.span)), several ? h("td", {}, server || "watcher") : null, h("th", { scope: "row" }, kind), h("td.vi-words", {}, text))))));
  }

  /** Ages that grow without news. */
  grow() {
    const old = this.head.age();
    mark(this.body, "data-stale", !this.head.paused && (old || this.isSilent) ? "true" : null);
    if (this.head.paused) return;
    const now = this.stream.now;
    age(this.verdicts, now);
    if (this.state) age(this.state, now);
    for (const checks of this.checks.values()) checks.grow(now);
  }

  destroy() {
    super.destroy();
    this.board.destroy();
  }
}
