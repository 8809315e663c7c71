// One answer as it is written: an EventSource that goes on where it broke off, and the text as it grows.

import { h } from "./dom.js";

const BACK_OFF_MS = [150, 500, 1000, 2000, 5000];
const BLOCK = 600;

export class Answering {
  /** `handler` has arrived(answering, parts), ended(answering, end), denied() and broken(is). */
  constructor(run, handler) {
    this.run = run;
    this.handler = handler;
    this.next = 0;
    this.failures = 0;
    this.over = false;
  }

  /** Where to listen; a new ticket is used when it has to be opened again. */
  aim(address, ticket) {
    this.address = address;
    this.ticket = ticket;
    if (!this.source && !this.timer && !this.over) this.open();
  }

  open() {
    this.timer = undefined;
    const joint = this.address.includes("?") ? "&" : "?";
    const source = new EventSource(`${this.address}${joint}run=${encodeURIComponent(this.run)}&from=${this.next}&ticket=${encodeURIComponent(this.ticket)}`);
    this.source = source;
    source.addEventListener("parts", (event) => this.take(JSON.parse(event.data)));
    source.addEventListener("end", (event) => this.end(JSON.parse(event.data)));
    source.onerror = () => { if (this.source === source) this.broke(source.readyState === EventSource.CLOSED); };
  }

  take({ n, parts }) {
    if (this.failures > 1) this.handler.broken(false);
    this.failures = 0;
    this.next = n;
    this.handler.arrived(this, parts);
  }

  end(end) {
    this.close();
    this.handler.broken(false);
    this.handler.ended(this, end);
  }

  /** The browser would try again from the first part; we go on from the next. */
  broke(refused) {
    this.source.close();
    this.source = null;
    const pause = BACK_OFF_MS[Math.min(this.failures++, BACK_OFF_MS.length - 1)];
    if (refused) this.handler.denied();
    if (this.failures > 1) this.handler.broken(true);
    this.timer = setTimeout(() => this.open(), pause);
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}

/** A text that only grows. What stands in earlier blocks is never laid out again. */
export class Flow {
  constructor(spec = "div.vc-flow") {
    this.element = h(spec);
    this.clear();
  }

  clear(text = "") {
    this.text = "";
    this.block = null;
    this.element.replaceChildren();
    if (text) this.add(text);
  }

  add(text) {
    this.text += text;
    // A block ends with a line, so that where it ends cannot be seen.
    for (const line of text.split(/(?<=\n)/)) {
      if (!this.block || (this.block.length > BLOCK && this.block.data.endsWith("\n"))) {
        this.block = document.createTextNode("");
        this.element.append(h("div", {}, this.block));
      }
      this.block.appendData(line);
    }
  }
}

/** A new name for a run; `crypto.randomUUID` is missing where a page came without TLS. */
export function runId() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
