// Where the next message is typed: Enter sends it, Shift and Enter is a new line, Escape stops the answer.

import { h, mark, put } from "./dom.js";

const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const PICTURE_BYTES = 4_000_000, ALL_BYTES = 4_400_000;
const LONGEST = 1_000_000;

export class Composer {
  /** `acts` has send(text, images) → whether it went, stop(), back() for an empty field's arrow up, and typed(text). */
  constructor(acts) {
    this.acts = acts;
    this.images = [];
    this.area = h("textarea", { "aria-label": "Message", rows: 1, autocomplete: "off", spellcheck: "false", dir: "auto" });
    this.area.oninput = () => { this.note(""); acts.typed(this.area.value); this.turn(); };
    this.area.onkeydown = (event) => this.key(event);
    this.area.onpaste = (event) => this.files(event, event.clipboardData);
    this.file = h("input", { type: "file", accept: PICTURES.join(","), multiple: true, hidden: true });
    this.file.onchange = () => { this.take([...this.file.files]); this.file.value = ""; };
    this.picture = h("button.vc-icon", { type: "button", title: "Add a picture (or paste or drop one)", "aria-label": "Add a picture", onclick: () => this.file.click() },
      h("span.vi-icon", { "aria-hidden": "true" }, "add_photo_alternate"));
    this.hint = h("span.vc-hint", {}, key("Enter"), " sends ", key("Shift"), key("Enter"), " new line ", key("Esc"), " stops");
    // The second click of a double click on Send is no wish to stop.
    this.button = h("button.vc-send", { type: "button", onclick: (event) => { if (event.detail < 2) this.busy ? this.acts.stop() : this.send(); } });
    this.thumbs = h("ul.vc-thumbs", { "aria-label": "Pictures to be sent" });
    this.words = h("p.vi-note", { role: "status" });
    this.notice = h("p.vi-banner", { role: "alert", hidden: true });
    this.element = h("section.vc-composer", { "aria-label": "Next message" }, this.notice,
      h("div.vc-box", {}, this.thumbs, this.area, h("div.vc-row", {}, this.picture, this.file, this.hint, this.words, this.button)));
    this.element.ondragover = (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); };
    this.element.ondrop = (event) => this.files(event, event.dataTransfer);
    this.wait(false);
  }

  get text() { return this.area.value; }

  set text(text) { this.area.value = text; this.turn(); }

  key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!event.repeat) this.send();
    } else if (event.key === "ArrowUp" && !this.text && this.acts.back()) event.preventDefault();
  }

  send() {
    if (this.busy || (!this.text.trim() && !this.images.length)) return;
    if (this.text.length > LONGEST) { this.note(`${(this.text.length / 1e6).toFixed(1)} million characters are more than is sent at once.`); return; }
    if (!this.acts.send(this.text, this.images)) return;
    this.images = [];
    this.draw();
    this.text = "";
    this.acts.typed("");
  }

  /** Put back what could not be sent. */
  bring(text, images) {
    this.images = [...images];
    this.draw();
    this.text = text;
  }

  /** An answer is being written: the button stops it. */
  wait(busy, stopping = false) {
    this.busy = busy;
    if (this.looks !== `${busy}`) {
      this.button.replaceChildren(h("span.vi-icon", { "aria-hidden": "true" }, busy ? "stop" : "arrow_upward"), h("span", {}, busy ? "Stop" : "Send"));
      mark(this.button, "title", busy ? "Stop the answer (Esc); the server stops computing it" : "Send (Enter)");
      mark(this.button, "data-stop", busy ? "" : null);
    }
    this.looks = `${busy}`;
    this.stopping = stopping;
    this.turn();
  }

  turn() { this.button.disabled = this.busy ? this.stopping : !this.text.trim() && !this.images.length; }

  /** What the field is for in this mode. */
  mode(is_chat, pictures) {
    mark(this.area, "placeholder", is_chat ? "Message" : "Text for the model to go on with, as it stands");
    this.picture.hidden = !is_chat || pictures === false;
  }

  warn(notice) {
    this.notice.hidden = !notice;
    if (!notice) return;
    put(this.notice, notice.text);
    mark(this.notice, "data-tone", notice.tone);
  }

  note(words) { put(this.words, words); }

  // ── Pictures ──

  files(event, from) {
    const files = [...(from?.files ?? [])];
    if (!files.length || this.picture.hidden) return;
    event.preventDefault();
    this.take(files);
  }

  async take(files) {
    this.note("");
    for (const file of files) {
      const room = ALL_BYTES - this.images.reduce((sum, { size }) => sum + size, 0);
      if (!PICTURES.includes(file.type)) this.note(`${file.name} is no PNG, JPEG, WebP or GIF.`);
      else if (file.size > Math.min(PICTURE_BYTES, room)) this.note(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; pictures of a message may have 4 MB together.`);
      else this.images.push({ name: file.name.slice(0, 80), url: await dataUrl(file), size: file.size });
    }
    this.draw();
    this.turn();
  }

  draw() {
    this.thumbs.replaceChildren(...this.images.map((image, n) => h("li", {}, picture(image),
      h("button.vc-icon", { type: "button", title: `Take ${image.name} away`, "aria-label": `Take ${image.name} away`, onclick: () => { this.images.splice(n, 1); this.draw(); this.turn(); } },
        h("span.vi-icon", { "aria-hidden": "true" }, "close")))));
  }
}

const key = (name) => h("kbd", {}, name);

function dataUrl(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}

/** A picture of the talk itself; an address elsewhere is never loaded, only named. */
export function picture({ name, url }) {
  const own = PICTURES.some((type) => url.startsWith(`data:${type};base64,`));
  return own ? h("img", { src: url, alt: name, title: name }) : h("span.vi-quiet", {}, `[picture ${name}]`);
}
