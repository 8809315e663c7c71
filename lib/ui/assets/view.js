// What every live view does with the page around it: its head, its stream, its address, and holding still while paused.
// A view has whole(frame) and step(tick) for what the stream brings, grow() for ages, and address() for the URL.

import { tell } from "./address.js";
import { Head } from "./head.js";
import { Stream, announce } from "./stream.js";

const LONG_PAUSE = 600;
const SILENT = { tone: "watch", text: "The dashboard has stopped answering; what you see is getting old. Trying again." };

/** What is chosen in a view. It tells the script, which goes on saying what was until it has heard of it. */
export class Choice {
  constructor(told) {
    this.value = this.told = told;
    this.past = new Set();
  }

  /** The viewer has chosen this. */
  take(value) {
    if (this.asked !== undefined) this.past.add(this.asked);
    this.value = this.asked = value;
  }

  /** The script says this: the answer to a choice, an older word, or what was chosen elsewhere on the page. */
  hear(told) {
    const isOld = this.asked !== undefined && told !== this.asked && (told === this.told || this.past.has(told));
    this.told = told;
    if (isOld) return;
    this.value = told;
    this.asked = undefined;
    this.past.clear();
  }
}

export class LiveView {
  /** `acts` are more things that the head offers, as `unzoom`. */
  constructor(root, page, acts = {}) {
    this.root = root;
    this.page = page;
    this.data = page.data;
    this.spanned = new Choice(page.data.window);
    this.head = new Head(page.data, { window: (key) => this.choose(key), pause: (paused) => this.pause(paused), ...acts });
  }

  /** Everything has its place: let figures come. */
  begin() {
    this.stream = new Stream(this);
    this.clock = setInterval(() => this.grow(), 1000);
    this.aim();
  }

  /** The script ran again. */
  update(data) {
    this.data = data;
    this.spanned.hear(data.window);
    this.head.select(this.window);
    this.aim();
  }

  /** The key of the window of time. */
  get window() { return this.spanned.value; }

  /** Follow what is to be shown: the stream, and the page's own address. */
  aim() {
    this.stream.aim(this.source(), this.data.ticket);
    tell(this.address());
  }

  /** Where the figures come from. */
  source() { return `${this.data.stream}&window=${this.window}`; }

  /** What the URL says. */
  address() { return { window: this.window }; }

  choose(key) {
    if (key === this.window) return;
    this.spanned.take(key);
    this.head.select(key);
    this.head.pause(false);
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

  /** Everything: at the start, and after a break. */
  frame(frame) {
    if (this.head.paused && this.shown) { this.held = [{ frame }]; return; }
    this.shown = true;
    this.whole(frame);
  }

  /** What is new. While paused it waits; a pause too long for that ends with a fresh frame. */
  tick(tick) {
    if (!this.shown) return;
    if (this.head.paused) this.held.push({ tick });
    else this.step(tick);
  }

  pause(paused) {
    const held = this.held ?? [];
    this.held = [];
    if (paused || !held.length) return;
    if (held.length > LONG_PAUSE) this.stream.open();
    else for (const { frame, tick } of held) frame ? this.frame(frame) : this.tick(tick);
  }

  /** What the events of every view have; `at` is when its newest figure was taken. */
  read(news, at, period) {
    this.head.took(at + this.stream.skew, period);
    this.banner = news.banner;
    this.head.warn(this.isSilent ? SILENT : news.banner);
    if (news.servers) announce(news.servers);
    this.grow();
  }

  destroy() {
    clearInterval(this.clock);
    this.stream.close();
  }
}
