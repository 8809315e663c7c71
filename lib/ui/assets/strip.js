// The tokens of a text, as data: what the script packed (lib/ui/lab/packing.py), unpacked, and cut into blocks to draw.

const TYPES = { b: Int8Array, h: Int16Array, i: Int32Array };
const JOINED = 16;
const BLOCK = 300;
const LONGEST = 900;
export const TEXT = 0, SPECIAL = 1, ADDED = 2, PREFIX = 3, UNKNOWN = 4, PARTIAL = 5, NORMALISED = 6;
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function raw(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Numbers that were sent as steps from each to the next. */
function numbers([type, base64]) {
  const steps = new TYPES[type](raw(base64).buffer);
  const values = new Int32Array(steps.length);
  let sum = 0;
  for (let i = 0; i < steps.length; i++) values[i] = sum += steps[i];
  return values;
}

export class Strip {
  constructor(packed) {
    this.text = packed.text;
    this.ids = numbers(packed.ids);
    this.starts = numbers(packed.starts);
    this.ends = numbers(packed.ends);
    this.bytesFrom = numbers(packed.bytes_from);
    this.bytesTo = numbers(packed.bytes_to);
    const kinds = numbers(packed.kinds);
    this.kinds = Uint8Array.from(kinds, (value) => value & 15);
    this.joined = Uint8Array.from(kinds, (value) => value & JOINED);
    this.owners = packed.owners ? numbers(packed.owners) : null;
    this.pieces = packed.pieces;
    this.names = packed.names;
    this.seen = packed.seen === null ? new TextEncoder().encode(packed.text) : raw(packed.seen);
    this.placed = packed.placed;
  }

  get length() { return this.ids.length; }

  piece(i) { return this.pieces[this.ids[i]] ?? ""; }

  /** The bytes that the model sees for a token; null where they are not known. */
  bytes(i) { return this.bytesFrom[i] < 0 ? null : this.seen.subarray(this.bytesFrom[i], this.bytesTo[i]); }

  slice(i, j = i + 1) { return this.starts[i] < 0 ? "" : this.text.slice(this.starts[i], this.ends[j - 1]); }

  /** Where blocks of a few hundred tokens begin: at line starts if there are any, never inside a character. */
  blocks() {
    const starts = [0];
    let from = 0, fit = 0;
    for (let i = 1; i < this.length; i++) {
      if (i - from < BLOCK) { continue; }
      if (this.joined[i] || this.starts[i] < 0) continue;
      const at = this.starts[i];
      const line = this.text[at - 1] === "\n";
      const safe = /[\s\w]/.test(this.text[at] ?? " ");
      if (safe && !fit) fit = i;
      if (line || i - from >= LONGEST) {
        const cut = line ? i : fit || i;
        starts.push(cut);
        from = cut;
        fit = 0;
      }
    }
    return starts;
  }

  /** Units to draw of the tokens [from, to): each shares no character with the next; whole graphemes if `whole`. */
  units(from, to, whole) {
    const inside = whole ? this.insides(from, to) : null;
    const units = [];
    for (let i = from; i < to; ) {
      let j = i + 1;
      while (j < to && (this.joined[j] || this.bound(inside, i, j))) j++;
      units.push([i, j]);
      i = j;
    }
    return units;
  }

  bound(inside, i, j) {
    return inside !== null && this.starts[j] >= 0 && this.ends[j - 1] > this.starts[j - 1] && this.ends[j] > this.starts[j]
      && this.kinds[j] !== SPECIAL && inside.has(this.starts[j]);
  }

  /** Places in the text between two characters of one grapheme. */
  insides(from, to) {
    let first = -1, last = -1;
    for (let i = from; i < to; i++) {
      if (this.starts[i] < 0) continue;
      if (first < 0) first = this.starts[i];
      last = Math.max(last, this.ends[i]);
    }
    if (first < 0) return null;
    const text = this.text.slice(first, last);
    if (/^[\x00-\x7f]*$/.test(text)) return null;
    const inside = new Set();
    for (const { segment, index } of segmenter.segment(text)) {
      if (segment.length === 1) continue;
      for (let k = 1; k < segment.length; k++) inside.add(first + index + k);
    }
    return inside;
  }
}
