// The time that all plots of a page share: what is on screen, zoom, cursor, and when to draw.
// A plot is drawn at most once per animation frame, and only while it can be seen.

export class Board {
  constructor(onZoom) {
    this.plots = new Set();
    this.byElement = new Map();
    this.onZoom = onZoom;
    this.zoom = null;
    this.marks = [];
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const plot = this.byElement.get(entry.target);
        if (plot) plot.seen = entry.isIntersecting;
      }
      this.schedule();
    }, { rootMargin: "80px" });
    this.onVisible = () => this.schedule();
    document.addEventListener("visibilitychange", this.onVisible);
    this.sizes = new ResizeObserver(() => { for (const plot of this.plots) plot.resized(); this.schedule(); });
  }

  /** The window of time that a frame covers; bins of `step` seconds. */
  cover(start, step, size) {
    Object.assign(this, { start, step, size });
  }

  /** Bins that have closed: the window moves on by them. */
  follow(bins) {
    this.start = bins.start + bins.step * (bins.size - this.size);
    for (const plot of this.plots) plot.append(bins, this.size);
  }

  get end() { return this.start + this.step * (this.size - 1); }

  /** What the time axes show: the zoomed part, or the whole window. */
  get range() { return this.zoom ?? [this.start, this.end]; }

  add(plot) {
    this.plots.add(plot);
    this.byElement.set(plot.element, plot);
    this.observer.observe(plot.element);
    this.sizes.observe(plot.element);
  }

  remove(plot) {
    plot.destroy();
    this.plots.delete(plot);
    this.byElement.delete(plot.element);
    this.observer.unobserve(plot.element);
    this.sizes.unobserve(plot.element);
  }

  clear() { for (const plot of [...this.plots]) this.remove(plot); }

  destroy() {
    this.clear();
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  zoomTo(range) {
    this.zoom = range && range[1] - range[0] >= 2 * this.step ? range : null;
    for (const plot of this.plots) plot.stale = true;
    this.onZoom(this.zoom);
    this.schedule();
  }

  /** Moments at which something began, drawn through every plot: [{at, tone}]. */
  mark(marks) {
    if (JSON.stringify(marks) === JSON.stringify(this.marks)) return;
    this.marks = marks;
    for (const plot of this.plots) plot.stale = true;
    this.schedule();
  }

  pointAt(moment) {
    this.cursor = moment;
    if (this.pointing) return;
    this.pointing = requestAnimationFrame(() => {
      this.pointing = 0;
      for (const plot of this.plots) if (plot.seen || this.cursor === null) plot.point(this.cursor);
    });
  }

  restyle() {
    for (const plot of this.plots) plot.restyle();
    this.schedule();
  }

  /** Draw what is stale and seen, at the next animation frame. */
  schedule() {
    if (this.frame || document.hidden) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const plot of this.plots) if (plot.seen && plot.stale) plot.draw();
    });
  }
}
