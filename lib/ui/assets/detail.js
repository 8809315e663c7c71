// One token, or the tokens that share a character, in detail: under the pointer in short, pinned in full.

import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { point, told, visible } from "./signs.js";

const KINDS = ["text", "typed, and read as a control token", "added by the server", "a blank that the tokenizer puts before a text",
  "unknown to the vocabulary", "part of a character", "the model sees other characters than were typed"];
const MOST = 24;
const SHOWN = 8;
const hex = (bytes) => Array.from(bytes.subarray(0, 64), (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ") + (bytes.length > 64 ? " …" : "");
const counted = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const decoder = new TextDecoder();

export class Detail {
  constructor(close) {
    this.close = close;
    this.element = h("section.vt-detail", { "aria-label": "Pinned token", "aria-live": "polite", hidden: true });
    this.tip = h("div.vt-tip", { role: "tooltip", hidden: true });
  }

  read(strip) { this.strip = strip; }

  /** A few words beside the chip under the pointer. */
  point(range, chip, root) {
    this.tip.hidden = !range;
    if (!range) return;
    const { strip } = this, [i, j] = range;
    const text = strip.slice(i, j);
    const many = j - i > 1;
    const ids = Array.from(strip.ids.slice(i, Math.min(j, i + SHOWN))).join(" ") + (j - i > SHOWN ? " …" : "");
    const first = [many ? `${j - i} tokens ${ids}` : `id ${ids}`, text && told(text).slice(0, 40), !many && told(strip.piece(i)).slice(0, 40)];
    this.tip.replaceChildren(h("div", {}, ...first.filter(Boolean).flatMap((one, n) => [n ? " · " : "", h("bdi", {}, one)])), h("div", {}, this.bytes(i, j)));
    const outer = root.getBoundingClientRect(), box = (chip?.getClientRects()[0]) ?? outer;
    this.tip.style.left = `${Math.max(0, Math.min(box.left - outer.left, outer.width - this.tip.offsetWidth))}px`;
    this.tip.style.top = `${box.bottom - outer.top + 10}px`;
  }

  bytes(i, j) {
    const parts = [];
    for (let k = i; k < j; k++) parts.push(this.strip.bytes(k));
    if (parts.some((one) => one === null)) return this.strip.kinds[i] === 1 ? KINDS[1] : "its own bytes are not known";
    const size = parts.reduce((sum, one) => sum + one.length, 0);
    const shown = parts.slice(0, SHOWN).map(hex).join(" | ") + (parts.length > SHOWN ? " …" : "");
    return size ? `${counted(size, "byte")}: ${shown}` : KINDS[this.strip.kinds[i]];
  }

  /** Everything that is known of the tokens [i, j). */
  show(range) {
    this.element.hidden = !range;
    if (!range) return;
    const { strip } = this, [i, j] = range;
    const text = strip.slice(i, j);
    const close = h("button.vt-close", { type: "button", title: "Let go (Esc)", "aria-label": "Let go", onclick: this.close }, h("span.vi-icon", { "aria-hidden": "true" }, "close"));
    const rows = [];
    for (let k = i; k < Math.min(j, i + MOST); k++) rows.push(this.row(k));
    this.element.replaceChildren(
      h("div.vt-detail-head", {}, h("b.vt-big", {}, h("bdi", {}, ...visible(text || told(strip.piece(i)), true))),
        h("span.vi-quiet", {}, j - i > 1 ? `tokens ${i + 1} to ${j} of ${strip.length} share this` : `token ${i + 1} of ${strip.length}`), close),
      h("div.vi-scroll", {}, h("table.vi-table", {},
        h("thead", {}, h("tr", {}, ...["Id", "In the vocabulary", "Bytes", "Kind"].map((one) => h("th", {}, one)))), h("tbody", {}, ...rows))),
      ...this.points(i, j, text));
  }

  row(k) {
    const { strip } = this, bytes = strip.bytes(k);
    return h("tr", {}, h("td.vt-mono", {}, `${strip.ids[k]}`, copyButton(`${strip.ids[k]}`, "the id")),
      h("td.vt-mono", {}, h("bdi", {}, strip.piece(k) ? told(strip.piece(k)) : "not told")),
      h("td.vt-mono", {}, bytes === null ? "not known apart" : bytes.length ? hex(bytes) : "none"), h("td", {}, KINDS[strip.kinds[k]]));
  }

  points(i, j, text) {
    const { strip } = this;
    const list = (chars) => Array.from(chars).slice(0, MOST).map((one) => h("li", {}, h("span.vt-mono", {}, point(one)), ` ${this.name(one)}`));
    const typed = h("ul.vt-points", {}, ...list(text));
    if (strip.kinds.subarray(i, j).every((kind) => kind !== 6)) return [typed];
    const parts = [];
    for (let k = i; k < j; k++) { const one = strip.bytes(k); if (one) parts.push(...one); }
    return [h("div.vt-both", {}, h("div", {}, h("p.vi-quiet", {}, "You typed"), typed),
      h("div", {}, h("p.vi-quiet", {}, "The model sees"), h("ul.vt-points", {}, ...list(decoder.decode(Uint8Array.from(parts))))))];
  }

  name(char) {
    const code = char.codePointAt(0).toString(16).toUpperCase();
    if (this.strip.names[code]) return this.strip.names[code];
    if (/\p{Unified_Ideograph}/u.test(char)) return `CJK UNIFIED IDEOGRAPH-${code}`;
    return /\p{Script=Hangul}/u.test(char) ? "HANGUL SYLLABLE" : "";
  }
}
