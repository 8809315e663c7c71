// What a tab keeps for itself, so that a reload loses nothing: the name of its talk, a copy of it, what is being typed.
// The copy lies apart: it is large, and what is typed is kept with every letter.

const NAME = "vi-chat", COPY = "vi-chat-saved";

export class Kept {
  constructor() {
    this.all = { ...read(NAME), saved: read(COPY) };
  }

  get(name) { return this.all[name]; }

  /** Keep values; a storage that is full keeps all but the copy of the talk, which the dashboard has too. */
  set(values) {
    const { saved: before, ...rest } = this.all;
    const { saved = before, ...news } = values;
    this.all = { ...rest, ...news, saved };
    const small = JSON.stringify({ ...rest, ...news });
    if (saved !== before) this.copy(saved);
    if (small !== this.small && !write(NAME, small)) { forget(COPY); write(NAME, small); }
    this.small = small;
  }

  /** A copy that does not fit is none: an old one would bring back what was taken away. */
  copy(saved) {
    if (!saved || !write(COPY, JSON.stringify(saved))) forget(COPY);
  }
}

function read(name) {
  try {
    const value = JSON.parse(sessionStorage.getItem(name));
    return value && typeof value === "object" ? value : null;
  } catch { return null; }
}

function forget(name) {
  try { sessionStorage.removeItem(name); } catch { /* a browser that keeps nothing */ }
}

function write(name, text) {
  try { sessionStorage.setItem(name, text); return true; } catch { return false; }
}
