// How figures are written in the browser: under the cursor and on axes. The same rules as lib/ui/plain.py, which writes
// the figures that tick; change both together.

export const ABSENT = "–";
const THIN = "\u202f";

const grouped = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, THIN);

function short(value) {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (Math.abs(value) >= size * 0.99995) {
      const scaled = value / size;
      return scaled.toFixed(scaled >= 99.95 ? 0 : 1) + THIN + unit;
    }
  }
  return grouped(value);
}

export function count(value) {
  return Math.abs(value) >= 99999.5 ? short(value) : grouped(value);
}

export function rate(value) {
  if (value === 0) return "0";
  if (value >= 9999.5) return short(value);
  if (value >= 99.95) return grouped(value);
  if (value < 0.01) return "< 0.01";
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

export function ratio(value) {
  const percent = value * 100;
  return percent.toFixed(percent >= 9.95 || percent === 0 ? 0 : 1) + THIN + "%";
}

export function duration(seconds) {
  if (seconds < 0.9995) {
    const ms = seconds * 1000;
    return ms.toFixed(ms >= 9.995 || ms === 0 ? 0 : 1) + THIN + "ms";
  }
  if (seconds < 99.95) return seconds.toFixed(seconds < 9.995 ? 2 : 1) + THIN + "s";
  if (seconds < 6000) return (seconds / 60).toFixed(1) + THIN + "min";
  return (seconds / 3600).toFixed(1) + THIN + "h";
}

const WRITERS = { count, rate, ratio, duration };

/** A value as text by the rule of that name; a gap as a dash. */
export function written(rule, value) {
  return value === null || value === undefined || Number.isNaN(value) ? ABSENT : WRITERS[rule](value);
}

/** The labels of an axis: one unit for all of them, no digits that say nothing. */
export function axisTexts(values, rule) {
  const top = values[values.length - 1];
  const trimmed = (value, unit = "") => (value === 0 ? "0" : String(Number(value.toPrecision(3))) + unit);
  if (rule === "ratio") return values.map((value) => trimmed(value * 100, THIN + "%"));
  if (rule === "duration") return values.map((value) => (top < 1 ? trimmed(value * 1000, THIN + "ms") : trimmed(value, THIN + "s")));
  return values.map((value) => (value < 1000 ? trimmed(value) : count(value)));
}

/** How long something has lasted: 40 s, 11 min, 3 h, 2 d. */
export function span(seconds) {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length || (seconds >= length && unit !== "d")) return Math.floor(seconds / length) + THIN + unit;
  }
  return Math.max(0, Math.round(seconds)) + THIN + "s";
}

const two = (value) => String(value).padStart(2, "0");

/** A wall-clock moment (s since 1970) in the viewer's time zone; with the day where the window is longer than one. */
export function clock(at, windowSeconds = 0, seconds = true) {
  const date = new Date(at * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}` + (seconds ? `:${two(date.getSeconds())}` : "");
  if (windowSeconds <= 86400) return time;
  return `${date.toLocaleDateString(undefined, { weekday: "short", day: "numeric" })} ${time}`;
}

/** Moments for the ticks of a time axis between two moments, at whole local steps, and their labels. */
export function timeTicks(start, end, width) {
  const wanted = Math.max(2, Math.floor(width / 110));
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800];
  const step = steps.find((candidate) => (end - start) / candidate <= wanted) ?? 604800;
  const shift = -new Date(end * 1000).getTimezoneOffset() * 60;
  const moments = [];
  for (let at = Math.ceil((start + shift) / step) * step - shift; at <= end; at += step) moments.push(at);
  const label = step >= 86400
    ? (at) => new Date(at * 1000).toLocaleDateString(undefined, { weekday: "short", day: "numeric" })
    : (at) => clock(at, end - start > 86400 ? 1e9 : 0, step < 60);
  return { moments, labels: moments.map(label) };
}

/** A round upper end for an axis that must show `highest`, with the middle between it and 0 round as well. */
export function roundTop(highest, rule) {
  if (rule === "ratio") return highest <= 1 ? 1 : highest;
  if (!(highest > 0)) return rule === "duration" ? 0.1 : rule === "rate" ? 1 : 2;
  const power = 10 ** Math.floor(Math.log10(highest));
  const top = [1, 2, 4, 5, 6, 8, 10].find((factor) => factor * power >= highest * 1.02) * power || 10 * power;
  return rule === "count" ? Math.max(2, 2 * Math.ceil(top / 2)) : top;
}
