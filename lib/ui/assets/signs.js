// Characters that cannot be seen, made visible: a text's own letters stay text, the rest become signs.

import { h } from "./dom.js";

const PLAIN = /^[\x21-\x7e]+$/;
const UNSEEN = /[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}\p{Co}\p{Cs}\p{Cn}\u115f\u1160\u3164\uffa0\u034f\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu;
/** What joins and shapes its neighbours: it stays what it is unless signs are asked for. */
const SHAPING = /[\u200c\u200d\ufe00-\ufe0f\u034f]|[\u{e0020}-\u{e007f}]|[\u{e0100}-\u{e01ef}]/u;
const LETTERED = /[^\s\p{C}\u200c\u200d\ufe00-\ufe0f]/u;
const NAMES = {
  "\n": "↵", "\t": "⇥", " ": "·", "\u00a0": "⍽", "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ", "\u200e": "LRM",
  "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI",
  "\u2068": "FSI", "\u2069": "PDI", "\u2028": "LS", "\u2029": "PS", "\ufeff": "BOM", "\u00ad": "SHY", "\ufe0f": "VS16", "\ufe0e": "VS15",
};

/** A code point as people write it. */
export const point = (char) => `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

const CONTROLS = ("NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US").split(" ");
const nameOf = (char) => NAMES[char] ?? CONTROLS[char.codePointAt(0)] ?? (char === "\x7f" ? "DEL" : point(char));

/** Nodes that show `text`. Blanks are signs only where `all`; what could mislead always is one. */
export function visible(text, all = false) {
  if (PLAIN.test(text)) return [text];
  const nodes = [];
  let at = 0;
  const bare = !LETTERED.test(text);
  for (const found of text.matchAll(UNSEEN)) {
    const char = found[0];
    const blank = /[ \t\u00a0\u3000\u2000-\u200a\u202f\u205f\u1680]/.test(char);
    if (!all && (blank || (SHAPING.test(char) && !bare))) continue;
    if (found.index > at) nodes.push(text.slice(at, found.index));
    at = found.index + char.length;
    const name = nameOf(char);
    nodes.push(h("span.vt-sign", { "data-word": name.length > 1 ? "" : null }, name));
    if (char === "\n") nodes.push("\n");
    if (char === "\t") nodes.push("\t");
  }
  if (at < text.length) nodes.push(text.slice(at));
  // A mark without its letter would sit on the chip's neighbour.
  if (/^\p{M}/u.test(text) && typeof nodes[0] === "string") nodes[0] = `◌${nodes[0]}`;
  return nodes;
}

/** The same as plain text, for pieces and tooltips. */
export const told = (text) => visible(text, true).map((node) => (typeof node === "string" ? node : node.textContent)).join("").replace(/[\n\t]/g, "");
