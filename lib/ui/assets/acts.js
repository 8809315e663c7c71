// What a person does, told to the script one after the other: a component's trigger holds one value, so a second one sent
// before the first was read would swallow it. The script says by `seq` what it has done.

const AGAIN_MS = 4000;

export class Acts {
  /** `send(act)` tells the script; `about()` gives what every act carries. */
  constructor(send, about) {
    this.send = send;
    this.about = about;
    this.waiting = [];
    this.flying = null;
    this.seq = 0;
  }

  /** Tell the script; returns the number of the act. A later act of a kind that only describes replaces an unsent one. */
  say(kind, more = {}) {
    // Larger than before a reload too, so that the script knows an old act by its number.
    this.seq = Math.max(this.seq + 1, Date.now());
    const act = { kind, seq: this.seq, ...more };
    if (kind === "settings" || kind === "detail") this.waiting = this.waiting.filter((one) => one.kind !== kind);
    if (kind === "stop") this.waiting.unshift(act);
    else this.waiting.push(act);
    this.next();
    return act.seq;
  }

  /** Whether an act of that kind has not been answered. */
  awaits(kind) { return this.flying?.kind === kind || this.waiting.some((act) => act.kind === kind); }

  /** The script has done everything up to that number. */
  done(seq) {
    if (!this.flying || seq < this.flying.seq) return;
    clearTimeout(this.timer);
    this.flying = null;
    this.next();
  }

  next() {
    if (this.flying || !this.waiting.length) return;
    this.flying = { ...this.waiting.shift(), ...this.about() };
    this.fly();
  }

  fly() {
    this.send(this.flying);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fly(), AGAIN_MS);
  }

  destroy() { clearTimeout(this.timer); }
}
