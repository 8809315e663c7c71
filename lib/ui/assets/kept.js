// What a tab keeps for itself, so that a reload loses nothing: the name of its talk, a copy of it, what is being typed.

const NAME = "vi-chat";

export class Kept {
  constructor() {
    try { this.all = JSON.parse(sessionStorage.getItem(NAME)) ?? {}; } catch { this.all = {}; }
    if (typeof this.all !== "object") this.all = {};
  }

  get(name) { return this.all[name]; }

  /** Keep a value; a storage that is full keeps everything but the copy of the talk, which the dashboard has too. */
  set(values) {
    Object.assign(this.all, values);
    try { sessionStorage.setItem(NAME, JSON.stringify(this.all)); } catch { this.without(); }
  }

  without() {
    try { sessionStorage.setItem(NAME, JSON.stringify({ ...this.all, saved: null })); } catch { /* a browser that keeps nothing */ }
  }
}
