// One EventSource per page: opens it, opens it again when it breaks, and says how old what it brings is.
// The first event is `window` (everything), then `tick` (what is new). A new connection starts with `window` again.

const SILENT_MS = 4000;      // nothing heard for so long: what is on screen is called old
const REOPEN_MS = 15000;     // and so long: the connection is taken as dead
const HIDDEN_MS = 60000;     // a tab that nobody looks at gives its connection back
const BACK_OFF_MS = [500, 1000, 2000, 5000, 10000];

export class Stream {
  /** `handler` has frame(frame), tick(tick), silent(is), and denied(), which asks the page for a fresh ticket. */
  constructor(handler) {
    this.handler = handler;
    this.url = "";
    this.failures = 0;
    this.skew = 0;
    this.onVisible = () => this.visibility();
    document.addEventListener("visibilitychange", this.onVisible);
    this.watchdog = setInterval(() => this.watch(), 1000);
  }

  /** Where to listen; the ticket may change without opening it again. */
  aim(address, ticket) {
    const moved = address !== this.address;
    const wasDenied = this.waiting && ticket !== this.ticket;
    this.address = address;
    this.ticket = ticket;
    if (moved) this.failures = 0;
    if (moved || wasDenied) this.open();
  }

  open() {
    this.shut();
    this.waiting = false;
    this.opened = this.heard = performance.now();
    const source = new EventSource(`${this.address}&ticket=${encodeURIComponent(this.ticket)}`);
    this.source = source;
    source.addEventListener("window", (event) => this.take(event, "frame"));
    source.addEventListener("tick", (event) => this.take(event, "tick"));
    source.onerror = () => {
      if (this.source === source && source.readyState === EventSource.CLOSED) this.refused();
    };
  }

  take(event, kind) {
    const body = JSON.parse(event.data);
    this.failures = 0;
    this.heard = performance.now();
    this.skew = Date.now() / 1000 - body.now;
    if (this.isSilent) { this.isSilent = false; this.handler.silent(false); }
    this.handler[kind](body);
  }

  /** The server's clock, as far as we know. */
  get now() { return Date.now() / 1000 - this.skew; }

  refused() {
    this.shut();
    this.waiting = true;
    const pause = BACK_OFF_MS[Math.min(this.failures++, BACK_OFF_MS.length - 1)];
    setTimeout(() => { if (this.waiting) this.handler.denied(); }, pause);
    // The page may be unable to mint a ticket (its own connection is down): then the old one is tried again.
    setTimeout(() => { if (this.waiting) this.open(); }, pause + 4000);
  }

  watch() {
    if (!this.source && !this.waiting) return;
    const quiet = performance.now() - this.heard;
    if (quiet > SILENT_MS && !this.isSilent && !document.hidden) { this.isSilent = true; this.handler.silent(true); }
    if (quiet > REOPEN_MS && !this.waiting && performance.now() - this.opened > REOPEN_MS) this.open();
  }

  visibility() {
    clearTimeout(this.sleep);
    if (document.hidden) this.sleep = setTimeout(() => this.shut(), HIDDEN_MS);
    else if (!this.source && this.address && !this.waiting) this.open();
  }

  shut() {
    this.source?.close();
    this.source = null;
  }

  close() {
    this.shut();
    this.waiting = false;
    clearInterval(this.watchdog);
    clearTimeout(this.sleep);
    document.removeEventListener("visibilitychange", this.onVisible);
  }
}

// What the sidebar shows comes with whatever stream the page has open: it needs no connection of its own.
const listeners = new Set();
let newest = null;

/** Tell everyone who lists servers what they look like now. */
export function announce(servers) {
  newest = servers;
  for (const listener of listeners) listener(servers);
}

/** Be told; returns the way to stop. */
export function listen(listener) {
  listeners.add(listener);
  if (newest) listener(newest);
  return () => listeners.delete(listener);
}
