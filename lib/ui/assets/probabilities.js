// How sure the model was of each token, as a layer over the text; and what else it could have said there. Four steps, told
// by tint and by the line underneath, so that they need no colour. An alternative with a known id can be gone on from.

import { h, mark } from "./dom.js";
import { ABSENT } from "./figures.js";
import { begin } from "./raw.js";
import { visible } from "./signs.js";

const AT_ONCE = 2000;
const LEAVE_MS = 160;        // long enough to get from a token into its card
const LONGEST = 400;         // characters of one token that are drawn
/** From the surest down: the least probability of a step, and what it is called. */
const LEVELS = [[0.8, "≥ 80 %"], [0.4, "40–80 %"], [0.1, "10–40 %"], [0, "< 10 %"]];

const known = (value) => typeof value === "number" && Number.isFinite(value);
const cut = (text) => (text.length > LONGEST ? `${begin(text, LONGEST)} …` : text);

/** A probability for people: no digits that say nothing, and never a rounded 0 or 100. */
export function percent(p) {
  if (!known(p)) return ABSENT;
  const value = 100 * p;
  if (value > 0 && value < 0.01) return "< 0.01\u202f%";
  if (value < 100 && value > 99.995) return "> 99.99\u202f%";
  return `${value.toFixed(value >= 99.5 && value < 100 ? 2 : value >= 9.95 ? 0 : value >= 0.995 ? 1 : 2)}\u202f%`;
}

export function level(p) {
  return known(p) ? LEVELS.findIndex(([least]) => p >= least) : null;
}

export class Probabilities {
  /** `pick(position, id)`: go on from another token than the one that came. */
  constructor(pick) {
    this.pick = pick;
    this.legend = h("div.va-levels", { role: "group", "aria-label": "How sure the model was" });
    this.text = h("div.va-tokens", { role: "group", "aria-label": "Tokens with probabilities", tabindex: 0, dir: "ltr" });
    this.more = h("button.va-more", { type: "button", hidden: true, onclick: () => this.grow() });
    this.card = h("div.va-card", { role: "dialog", "aria-label": "Alternatives", hidden: true });
    this.remarks = h("ul.vt-remarks");
    this.element = h("div.va-probabilities", {}, this.remarks, this.legend, this.text, this.more, this.card);
    this.listen();
  }

  /** `remarks` are sentences about all of them. */
  show(tokens, remarks = []) {
    this.tokens = tokens;
    this.remarks.replaceChildren(...remarks.map((one) => h("li", {}, one)));
    this.levels = tokens.map(({ p }) => level(p));
    this.placed = tokens.some(({ group }) => known(group));
    this.drawn = 0;
    this.text.replaceChildren();
    this.let(true);
    this.grow();
    this.tell();
  }

  // ── The text ──

  grow() {
    const to = Math.min(this.tokens.length, this.drawn + AT_ONCE);
    const nodes = [];
    for (let i = this.drawn; i < to; i += 1) nodes.push(...this.chip(i));
    this.text.append(...nodes);
    this.drawn = to;
    const left = this.tokens.length - to;
    this.more.hidden = left <= 0;
    this.more.textContent = `Draw ${Math.min(left, AT_ONCE)} more of ${this.tokens.length} tokens`;
  }

  /** Reasoning, control tokens and what a stop text cut off have no place in the answer. */
  apart(i) { return this.placed && !known(this.tokens[i].group); }

  /** Whether another token was likelier; a rank is not told below the alternatives. */
  unlikely(i) {
    const { rank, logprob, top } = this.tokens[i];
    return known(rank) ? rank > 1 : known(logprob) && top?.length > 0;
  }

  chip(i) {
    const { text } = this.tokens[i], step = this.levels[i];
    const shown = visible(cut(text ?? ""));
    // The break stands outside, or the next token would begin inside of this one's tint.
    const broken = shown.at(-1) === "\n";
    if (broken) shown.pop();
    const chip = h("span.va-token", { "data-level": step ?? "none", "data-other": this.unlikely(i) ? "" : null, "data-empty": text ? null : "", "data-apart": this.apart(i) ? "" : null },
      h("bdi", {}, ...(shown.length ? shown : ["\u200a"])));
    chip.at = i;
    return broken ? [chip, "\n"] : [chip];
  }

  /** The legend counts; a click on a step goes to its next token. */
  tell() {
    const counts = LEVELS.map((_, step) => this.levels.filter((one) => one === step).length);
    const other = this.tokens.filter((_, i) => this.unlikely(i)).length;
    const untold = this.levels.filter((one) => one === null).length;
    const apart = this.tokens.filter((_, i) => this.apart(i)).length;
    const told = this.tokens.map(({ logprob }) => logprob).filter(known);
    const entry = (key, label, count, test) => h("button.va-step", { type: "button", disabled: count === 0, title: count ? "Go to the next of these" : null, onclick: () => this.next(test) },
      h("span.va-token", { ...key, "aria-hidden": "true" }, "abc"), h("b", {}, `${count}`), h("span", {}, label));
    this.legend.replaceChildren(...LEVELS.map(([, label], step) => entry({ "data-level": step }, label, counts[step], (i) => this.levels[i] === step)),
      entry({ "data-level": "0", "data-other": "" }, "not likeliest", other, (i) => this.unlikely(i)),
      untold ? entry({ "data-level": "none" }, "not told", untold, (i) => this.levels[i] === null) : "",
      apart ? entry({ "data-level": "0", "data-apart": "" }, "not in the answer", apart, (i) => this.apart(i)) : "",
      told.length ? h("span.va-sum", { title: "e to the power of the mean negative log-probability of the tokens that came: 1 is certainty at every step" },
        "perplexity ", h("b", {}, Math.exp(-told.reduce((sum, one) => sum + one, 0) / told.length).toPrecision(3))) : "");
  }

  next(test) {
    const from = this.at ?? -1;
    for (let n = 1; n <= this.tokens.length; n += 1) {
      const i = (from + n) % this.tokens.length;
      if (test(i)) { this.hold(i); return; }
    }
  }

  find(i) {
    while (i >= this.drawn && this.drawn < this.tokens.length) this.grow();
    for (const one of this.text.children) if (one.at === i) return one;
    return null;
  }

  // ── The card: under the pointer it comes and goes, held it stays ──

  listen() {
    const token = (event) => event.target.closest?.(".va-tokens .va-token");
    this.text.onpointerover = (event) => {
      const chip = token(event);
      if (!chip || this.held) return;
      clearTimeout(this.leaving);
      this.open(chip);
    };
    this.text.onpointerleave = () => this.leave();
    this.card.onpointerenter = () => clearTimeout(this.leaving);
    this.card.onpointerleave = () => this.leave();
    this.text.onclick = (event) => {
      const chip = token(event);
      if (chip && !String(getSelection())) { if (this.held && this.at === chip.at) this.let(true); else this.hold(chip.at); }
    };
    this.element.onkeydown = (event) => this.key(event);
  }

  leave() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.let(false), LEAVE_MS);
  }

  hold(i) {
    const chip = this.find(i);
    if (!chip) return;
    this.held = true;
    const box = this.text.getBoundingClientRect(), one = chip.getBoundingClientRect();
    if (one.top < box.top || one.bottom > box.bottom) this.text.scrollTop += one.top - box.top - box.height / 3;
    this.open(chip);
  }

  /** Take the card away; a held one only when asked to. */
  let(also) {
    if (this.held && !also) return;
    clearTimeout(this.leaving);
    this.held = false;
    this.at = null;
    this.card.hidden = true;
    if (this.lit) mark(this.lit, "data-lit", null);
    this.lit = null;
  }

  open(chip) {
    if (this.lit) mark(this.lit, "data-lit", null);
    this.lit = chip;
    this.at = chip.at;
    mark(chip, "data-lit", this.held ? "held" : "");
    this.card.replaceChildren(...this.content(chip.at));
    this.card.hidden = false;
    const outer = this.element.getBoundingClientRect(), box = chip.getClientRects()[0] ?? chip.getBoundingClientRect();
    this.card.style.left = `${Math.max(0, Math.min(box.left - outer.left - 8, outer.width - this.card.offsetWidth))}px`;
    const above = box.top - this.card.offsetHeight - 4, fits = box.bottom + this.card.offsetHeight + 8 < innerHeight || above < 0;
    this.card.style.top = `${(fits ? box.bottom + 4 : above) - outer.top}px`;
  }

  content(i) {
    const token = this.tokens[i];
    const top = (token.top ?? []).slice(0, 20);
    const listed = top.some(([, , id]) => id !== null && id === token.id) || (token.id == null && top.some(([text]) => text === token.text));
    const rows = listed ? top : [...top, [token.text, token.p, token.id]];
    const chosen = ([text, , id]) => (token.id == null ? text === token.text : id === token.id);
    const rest = 1 - rows.reduce((sum, [, p]) => sum + (known(p) ? p : 0), 0);
    const facts = [`token ${i + 1} of ${this.tokens.length}`, token.id == null ? "id not told" : `id ${token.id}`,
      known(token.rank) ? `rank ${token.rank}` : "", known(token.entropy) ? `entropy ≥ ${token.entropy.toFixed(1)}\u202fbit` : "",
      this.apart(i) ? "not in the answer" : token.text ? "" : "shares the character before", known(token.logprob) ? `logprob ${token.logprob.toFixed(3).replace("-", "−")}` : ""].filter(Boolean);
    return [h("p.va-card-head", {}, h("b", {}, h("bdi", {}, ...this.named(token.text))), h("span", {}, percent(token.p))),
      h("p.va-facts", {}, ...facts.flatMap((one, n) => [n ? " · " : "", h("span", {}, one)])),
      h("ul.va-options", {}, ...rows.map((row) => this.option(i, row, chosen(row)))),
      top.length && rest > 0.0005 ? h("p.va-facts", {}, `all others ${percent(rest)}`) : "",
      top.length ? "" : h("p.va-facts", {}, "No alternatives were asked for: raise their number in the settings.")].filter(Boolean);
  }

  named(text) { return text ? visible(cut(text), true).filter((node) => node !== "\n" && node !== "\t") : [h("span.vt-sign", { "data-word": "" }, "empty")]; }

  option(i, [text, p, id], isChosen) {
    const way = isChosen ? "This one came" : id == null ? "Its id was not told, so that nothing can go on from it" : "Go on from this token instead, in a new branch";
    return h("li", {}, h("button", { type: "button", disabled: isChosen || id == null, "data-chosen": isChosen ? "" : null, title: way, onclick: () => { this.let(true); this.pick(i, id); } },
      h("i", { style: `width:${known(p) ? Math.min(100, 100 * p).toFixed(1) : 0}%`, "aria-hidden": "true" }),
      h("bdi", {}, ...this.named(text)), h("span", {}, percent(p)), h("span.vi-icon", { "aria-hidden": "true" }, isChosen ? "check" : id == null ? "" : "call_split")));
  }

  /** Arrow keys walk: through the tokens, and within the card through its choices. */
  key(event) {
    if (event.key === "Escape" && !this.card.hidden) {
      event.stopPropagation();
      if (this.card.contains(document.activeElement)) this.text.focus();
      this.let(true);
      return;
    }
    const inCard = this.card.contains(document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (inCard && step) { event.preventDefault(); this.walk(step); return; }
    if (document.activeElement !== this.text) return;
    if (event.key === "Enter" || event.key === "ArrowDown") { if (this.held) { event.preventDefault(); this.walk(0); } return; }
    if (!step || event.key === "ArrowUp" || !this.tokens.length) return;
    event.preventDefault();
    this.hold(this.at == null ? 0 : Math.min(this.tokens.length - 1, Math.max(0, this.at + step)));
  }

  walk(step) {
    const choices = [...this.card.querySelectorAll("button:not([disabled])")];
    if (!choices.length) return;
    const here = choices.indexOf(document.activeElement);
    choices[(here + step + choices.length) % choices.length || 0]?.focus();
  }

  destroy() { clearTimeout(this.leaving); }
}
