"use strict";
// Columns, numbers as India writes them, the time axis, and charts on canvas. No library.

const CONTENT = JSON.parse(document.getElementById("content").textContent);

// The other side of pack.py: differences in byte planes, after one decompression.
async function unpack() {
  const text = document.getElementById("pack").textContent.trim();
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const columns = {};
  let at = 0;
  for (const [name, [count, width, base, unit]] of Object.entries(CONTENT.columns)) {
    const steps = Math.max(count - 1, 0), made = new Float64Array(count);
    if (count) made[0] = base;
    for (let i = 0, sum = 0; i < steps; i++) {
      let step = 0;
      for (let plane = width - 1; plane >= 0; plane--) {
        const byte = bytes[at + plane * steps + i];
        step = step * 256 + (plane === width - 1 && byte > 127 ? byte - 256 : byte);
      }
      sum += step;
      made[i + 1] = base + sum * unit;
    }
    at += steps * width;
    columns[name] = made;
  }
  return columns;
}

// Numbers and times

function grouped(whole) {
  const tail = whole.slice(-3), head = whole.slice(0, -3);
  return head ? head.replace(/\B(?=(\d\d)+$)/g, ",") + "," + tail : tail;
}
function plain(x, digits = 2) {
  if (x === null || !isFinite(x)) return "–";
  const [whole, part] = Math.abs(x).toFixed(digits).split(".");
  const sign = x < 0 && (whole + (part || "")).match(/[1-9]/) ? "-" : "";
  return sign + grouped(whole) + (part ? "." + part : "");
}
const rupees = (x, digits = 2) => (x === null ? "–" : plain(x, digits).replace(/^-?/, (s) => s + "₹"));
const percent = (x, digits = 2) => (x === null || !isFinite(x) ? "–" : plain(100 * x, digits) + "%");
// As short as labels a step apart stay different.
function brief(x, step = 0) {
  const size = Math.abs(x), sign = x < 0 ? "-" : "", apart = step || size / 100;
  if (size >= 1e7 && apart >= 1e3) return sign + trim(size / 1e7) + " cr";
  if (size >= 1e5 && apart >= 10) return sign + trim(size / 1e5) + " lakh";
  return plain(x, step ? digitsOf(step) : size < 10 ? 2 : size < 1000 && size % 1 ? 1 : 0);
}
const many = (n, noun) => `${plain(n, 0)} ${noun}${n === 1 ? "" : "s"}`;
const digitsOf = (step) => Math.max(0, Math.min(8, Math.ceil(-Math.log10(step) - 1e-9)));
const trim = (x) => plain(x, 4).replace(/\.?0+$/, "");

const INDIA = 19800000, MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (n) => String(n).padStart(2, "0");
const inIndia = (ms) => new Date(ms + INDIA);
const day = (ms) => { const d = inIndia(ms); return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`; };
const clock = (ms, s = true) => { const d = inIndia(ms); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` + (s ? `:${two(d.getUTCSeconds())}` : ""); };
const moment = (ms) => `${day(ms)} ${clock(ms)}`;

// Elements

function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") made.style.cssText = value;
    else if (value !== false && value !== "") made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
function table(heads, rows, kind = "") {
  const head = heads.map(([name, text]) => el("th", { class: text ? "text" : "" }, name));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, at) => cell instanceof Node ? cell
    : el("td", { class: heads[at][1] || "" }, String(cell)))));
  return el("div", { class: "wide" }, el("table", { class: kind }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)));
}
const toned = (text, x) => el("td", { class: x > 0 ? "up" : x < 0 ? "down" : "" }, text);

function themeButton() {
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => (dark() ? "Light" : "Dark");
  if (/theme=(dark|light)/.test(location.hash)) root.dataset.theme = RegExp.$1;
  const button = el("button", { onclick: () => {
    root.dataset.theme = dark() ? "light" : "dark"; button.textContent = name(); redraw();
  } }, name());
  return button;
}

// The time axis: each trading day takes the same room, the hours between days none. x runs from 0
// to axis.end.

function makeAxis(first, last) {
  const spans = Array.from(first, (start, i) => last[i] - start), wide = 1e6;
  const at = Array.from({ length: first.length + 1 }, (_, i) => i * wide * 1.02);
  const inside = () => wide;
  return {
    first, last, at, end: at[at.length - 1], count: first.length, day: wide * 1.02,
    x(ms) {
      const i = Math.max(0, below(first, ms));
      return at[i] + (spans[i] ? Math.min(1, Math.max(0, (ms - first[i]) / spans[i])) : 0.5) * inside(i);
    },
    ms(x) {
      const i = Math.min(first.length - 1, Math.max(0, below(at, x)));
      return first[i] + (spans[i] ? Math.min(1, (x - at[i]) / inside(i)) * spans[i] : 0);
    },
  };
}
// The last place whose number is not above x; -1 where there is none.
function below(numbers, x, stop = numbers.length) {
  let low = 0, high = stop;
  while (low < high) { const mid = (low + high) >> 1; if (numbers[mid] <= x) low = mid + 1; else high = mid; }
  return low - 1;
}

const CHARTS = [];
let waiting = "";
// Where only the pointer moved, what is drawn below it is kept.
function redraw(pointer = false) {
  const before = waiting;
  waiting = pointer === true && before !== "all" ? "pointer" : "all";
  if (!before) requestAnimationFrame(() => { const all = waiting === "all"; waiting = ""; for (const chart of CHARTS) chart.draw(all); });
}
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// One view, [from, to] on the axis, that all charts share: who zooms one zooms all.
class View {
  constructor(axis) { this.axis = axis; this.reset(); }
  reset() { this.from = 0; this.to = this.axis.end; this.hover = null; redraw(); }
  show(from, to) {
    const least = this.axis.end / 20000, width = Math.min(this.axis.end, Math.max(to - from, least));
    const middle = (from + to) / 2;
    this.from = Math.max(0, Math.min(this.axis.end - width, middle - width / 2));
    this.to = this.from + width;
    redraw();
  }
  pan(part) {
    const by = Math.max(-this.from, Math.min(this.axis.end - this.to, part * (this.to - this.from)));
    this.from += by; this.to += by;
    redraw();
  }
  zoom(at, by) { this.show(at - (at - this.from) * by, at + (this.to - at) * by); }
  get whole() { return this.from <= 0 && this.to >= this.axis.end; }
}

const KEYS = "arrows move the line, Shift and arrows the view, + − 0 zoom";
const LEFT = 6, RIGHT = 84, TOP = 8, FOOT = 20;

// A chart draws series over the view. A series has x (axis places, rising), y, and how it looks.
class Chart {
  constructor(view, { height, series, format, label, words, under, over, zero, falls, read }) {
    Object.assign(this, { view, height, series, format, under, over, zero, falls, readout: read });
    this.layer = document.createElement("canvas");
    const name = () => `Chart: ${label}. ${words ? words() : ""}`;
    this.canvas = el("canvas", { role: "img", tabindex: 0, "aria-label": name(), title: KEYS, height });
    this.read = el("div", { class: "read" });
    this.words = el("figcaption", { class: "quiet" }, words ? words() : "");
    this.retell = () => { this.words.textContent = words ? words() : ""; this.canvas.setAttribute("aria-label", name()); };
    this.node = el("figure", { class: "chart" }, this.read, this.canvas, words ? this.words : null);
    this.listen();
    CHARTS.push(this);
    new ResizeObserver(() => redraw()).observe(this.canvas);
  }
  px(x) { return LEFT + ((x - this.view.from) / (this.view.to - this.view.from)) * this.width; }
  ax(px) { return this.view.from + ((px - LEFT) / this.width) * (this.view.to - this.view.from); }
  py(y) { return TOP + ((this.high - y) / (this.high - this.low)) * (this.height - TOP - FOOT); }

  draw(all = true) {
    const width = this.canvas.clientWidth, ratio = devicePixelRatio || 1;
    if (!width) return;
    if (all || this.layer.width !== Math.round(width * ratio)) this.below(width, ratio);
    const pen = this.canvas.getContext("2d");
    this.canvas.width = this.layer.width; this.canvas.height = this.layer.height;
    pen.drawImage(this.layer, 0, 0);
    pen.scale(ratio, ratio);
    if (this.band) { pen.fillStyle = colour("fill"); pen.fillRect(Math.min(...this.band), 0, Math.abs(this.band[1] - this.band[0]), this.height - FOOT); }
    this.cross(pen);
  }
  // All that does not follow the pointer.
  below(width, ratio) {
    this.width = width - LEFT - RIGHT;
    const pen = this.layer.getContext("2d"), series = (this.seen = this.series());
    this.layer.width = Math.round(width * ratio); this.layer.height = Math.round(this.height * ratio);
    this.canvas.style.height = this.height + "px";
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif"; pen.lineJoin = "round";
    this.range(series);
    this.grid(pen);
    pen.save();
    pen.beginPath(); pen.rect(LEFT, 0, this.width, this.height - FOOT + 2); pen.clip();
    if (this.under) this.under(pen, this);
    for (const each of series) if (!each.hidden) this.line(pen, each);
    if (this.over) this.over(pen, this);
    pen.restore();
  }
  // Highest and lowest in view, with what enters from the left.
  range(series) {
    let low = Infinity, high = -Infinity;
    for (const { x, y, up, down } of series) {
      const start = Math.max(0, below(x, this.view.from)), stop = Math.min(x.length, below(x, this.view.to) + 2);
      for (let i = start; i < stop; i++) {
        const top = y[i] + (up ? up[i] : 0), foot = y[i] - (down ? down[i] : 0);
        if (top > high) high = top;
        if (foot < low) low = foot;
      }
    }
    if (low > high) { low = 0; high = 1; }
    if (this.zero) { low = Math.min(low, 0); high = Math.max(high, 0); }
    if (low === high && this.zero) { if (high > 0) low = 0; else if (low < 0) high = 0; else if (this.falls) low = -0.01; else high = 0.01; }
    const room = (high - low) * 0.05 || Math.abs(high) * 0.01 || 1;
    this.low = this.zero && low === 0 ? 0 : low - room;
    this.high = this.zero && high === 0 ? 0 : high + room;
  }
  grid(pen) {
    const span = this.high - this.low, lines = Math.max(2, Math.floor((this.height - FOOT) / 36));
    const size = 10 ** Math.floor(Math.log10(span / lines));
    const step = [1, 2, 5, 10].map((n) => n * size).find((n) => span / n <= lines);
    pen.strokeStyle = colour("line"); pen.fillStyle = colour("quiet"); pen.lineWidth = 1;
    pen.textBaseline = "middle"; pen.textAlign = "left";
    for (let k = Math.ceil(this.low / step); k * step <= this.high; k++) {
      const y = Math.round(this.py(k * step)) + 0.5;
      pen.beginPath(); pen.moveTo(LEFT, y); pen.lineTo(LEFT + this.width, y); pen.stroke();
      pen.fillText(this.format(k * step, false, step), LEFT + this.width + 6, y);
    }
    this.times(pen);
  }
  // Day starts while days are apart; within a few days the hours.
  times(pen) {
    const { axis, from, to } = this.view, foot = this.height - 7, most = Math.max(2, Math.floor(this.width / 90));
    const start = Math.max(0, below(axis.at, from)), stop = Math.min(axis.count - 1, below(axis.at, to, axis.count));
    const marks = [];
    const shown = (ms, text) => marks.push([axis.x(ms), text]);
    if (stop - start + 1 > 1 && (stop - start + 1) * 2 > most) {
      const step = Math.ceil((stop - start + 1) / most), long = axis.first[stop] - axis.first[start] > 400 * 864e5;
      for (let i = start + (step > 1 ? step >> 1 : 0); i <= stop; i += step) {
        const d = inIndia(axis.first[i]);
        shown(axis.first[i], long ? `${step < 20 ? d.getUTCDate() + " " : ""}${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}` : `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`);
      }
    } else {
      const left = axis.ms(from), right = axis.ms(to);
      const each = Math.max(1, Math.floor(most / (stop - start + 1)));
      for (let i = start; i <= stop; i++) {
        const a = Math.max(axis.first[i], left), b = Math.min(axis.last[i], right);
        const wanted = (b - a) / each, step = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400].map((s) => s * 1000).find((s) => s >= wanted) || 14400000;
        if (i > start || axis.first[i] >= left || b - a < step) shown(a, day(a).slice(0, -5));
        for (let ms = Math.ceil((a + INDIA + step * 0.6) / step) * step - INDIA; ms < b; ms += step) shown(ms, clock(ms, step < 60000));
      }
    }
    pen.textBaseline = "alphabetic"; pen.textAlign = "center"; pen.fillStyle = colour("quiet");
    let free = -Infinity;
    for (const [x, text] of marks) {
      const half = pen.measureText(text).width / 2, at = Math.min(Math.max(this.px(x), LEFT + half), LEFT + this.width - half);
      if (this.px(x) < LEFT - 1 || at - half < free) continue;
      pen.fillText(text, at, foot); free = at + half + 14;
    }
  }
  // At most four points a pixel are drawn: first, lowest, highest, last of what falls into it.
  line(pen, { x, y, up, down, name, fill, step, thin, colour: own, holes, ends = this.view.axis.end }) {
    const start = Math.max(0, below(x, this.view.from)), stop = Math.min(x.length, below(x, this.view.to) + 2);
    if (stop <= start) return;
    pen.beginPath();
    pen.strokeStyle = own || colour(name); pen.lineWidth = thin ? 1 : 1.5;
    let before = null;
    for (let i = start; i < stop;) {
      const px = Math.round(this.px(x[i])), first = i;
      let low = y[i] - (down ? down[i] : 0), high = y[i] + (up ? up[i] : 0);
      for (i++; i < stop && !(holes && holes[i]) && Math.round(this.px(x[i])) === px; i++) {
        low = Math.min(low, y[i] - (down ? down[i] : 0)); high = Math.max(high, y[i] + (up ? up[i] : 0));
      }
      const begin = this.py(y[first]);
      if (before === null || (holes && holes[first])) pen.moveTo(px, begin);
      else { if (step) pen.lineTo(px, before); pen.lineTo(px, begin); }
      if (high > low) { pen.lineTo(px, this.py(high)); pen.lineTo(px, this.py(low)); }
      before = this.py(y[i - 1]);
      pen.lineTo(px, before);
    }
    if (stop === x.length && step) pen.lineTo(Math.min(LEFT + this.width, this.px(ends)), before);
    pen.stroke();
    if (fill) {
      const base = this.py(Math.max(this.low, Math.min(this.high, 0)));
      pen.lineTo(LEFT + this.width, base);
      pen.lineTo(this.px(x[start]), base);
      pen.fillStyle = colour(name); pen.globalAlpha = 0.16; pen.fill(); pen.globalAlpha = 1;
    }
  }
  cross(pen) {
    const { hover, axis, to } = this.view, place = hover === null ? to : hover;
    const parts = this.seen.map(({ x, y, name, label, colour: own }) => {
      const at = below(x, place);
      return at < 0 ? null : el("span", { class: "key", style: `--c: ${own || colour(name)}` }, label + " ", el("b", {}, this.format(y[at], true)));
    });
    const when = el("span", {}, hover === null ? "" : moment(axis.ms(place)));
    this.read.replaceChildren(...parts.filter(Boolean), when, ...(this.readout ? this.readout(place, hover !== null) : []));
    if (hover === null) return;
    const px = Math.round(this.px(hover)) + 0.5;
    pen.strokeStyle = colour("other"); pen.lineWidth = 1; pen.setLineDash([3, 3]);
    pen.beginPath(); pen.moveTo(px, 0); pen.lineTo(px, this.height - FOOT); pen.stroke(); pen.setLineDash([]);
  }

  // Mouse: drag a range, with Shift drag the view; wheel, double click. Fingers: one moves, two
  // zoom. Keys: arrows move the line or, with Shift, the view; + and - zoom, 0 shows all.
  listen() {
    const { canvas, view } = this, fingers = new Map();
    let grip = null;
    canvas.addEventListener("keydown", (event) => {
      const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key], middle = view.hover ?? (view.from + view.to) / 2;
      if (side && event.shiftKey) view.pan(side * 0.2);
      else if (side) { view.hover = Math.min(view.to, Math.max(view.from, middle + (side * (view.to - view.from)) / 100)); redraw(true); }
      else if (event.key === "+" || event.key === "=") view.zoom(middle, 0.5);
      else if (event.key === "-") view.zoom(middle, 2);
      else if (event.key === "0" || event.key === "Home") view.reset();
      else if (event.key === "Escape") { view.hover = null; redraw(true); }
      else return;
      event.preventDefault();
    });
    const at = (event) => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, at(event));
      if (event.pointerType !== "mouse") return;
      canvas.setPointerCapture(event.pointerId);
      if (event.shiftKey || event.button === 1) { grip = at(event); event.preventDefault(); } else this.band = [at(event), at(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = at(event), then = fingers.get(event.pointerId);
      if (event.pointerType !== "mouse" && then !== undefined) {
        const others = [...fingers].filter(([id]) => id !== event.pointerId);
        if (others.length) {
          const other = others[0][1], by = Math.abs(then - other) / Math.max(8, Math.abs(now - other));
          view.zoom(this.ax(other), by);
        } else if (!view.whole) { const moved = this.ax(then) - this.ax(now); view.show(view.from + moved, view.to + moved); }
        fingers.set(event.pointerId, now);
      } else if (grip !== null) {
        view.pan((grip - now) / this.width); grip = now;
      } else if (this.band) this.band[1] = now;
      view.hover = Math.min(view.to, Math.max(view.from, this.ax(now)));
      redraw(true);
    });
    const done = (event) => {
      fingers.delete(event.pointerId);
      grip = null;
      const band = this.band; this.band = null;
      if (band && event.type === "pointerup" && Math.abs(band[1] - band[0]) > 5) view.show(this.ax(Math.min(...band)), this.ax(Math.max(...band)));
      else redraw();
    };
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, done);
    canvas.addEventListener("pointerleave", () => { if (!this.band) { view.hover = null; redraw(true); } });
    canvas.addEventListener("dblclick", () => view.reset());
    canvas.addEventListener("wheel", (event) => {
      if (event.deltaX && Math.abs(event.deltaX) > Math.abs(event.deltaY) && !view.whole) {
        event.preventDefault();
        return view.pan(event.deltaX / this.width);
      }
      if (!(event.ctrlKey || event.shiftKey || event.metaKey || event.altKey)) return;
      event.preventDefault();
      view.zoom(this.ax(at(event)), Math.exp((event.deltaY || event.deltaX) / 400));
    }, { passive: false });
  }
}

function fallsOf(y, start) {
  let peak = start;
  return Float64Array.from(y, (value) => { peak = Math.max(peak, value); return value / peak - 1; });
}
const zoomBar = (view) => el("div", { class: "bar" },
  el("button", { onclick: () => view.reset() }, "All"),
  el("button", { onclick: () => view.zoom((view.from + view.to) / 2, 0.5), "aria-label": "zoom in" }, "+"),
  el("button", { onclick: () => view.zoom((view.from + view.to) / 2, 2), "aria-label": "zoom out" }, "−"),
  el("button", { onclick: () => view.pan(-0.5), "aria-label": "earlier" }, "‹"),
  el("button", { onclick: () => view.pan(0.5), "aria-label": "later" }, "›"),
  el("small", {}, "Drag across a chart to zoom, with Shift to move, double click for all; Ctrl and the wheel, or two fingers, too. Keys on a chart: " + KEYS + "."));

// Holes: where the next point is much later than points usually are, no line is drawn to it.
function holesOf(ts, axis) {
  const steps = Array.from(ts, (ms, i) => (i ? ms - ts[i - 1] : 0)).filter((step) => step > 0).sort((a, b) => a - b);
  const least = Math.max(9e5, 10 * (steps[steps.length >> 1] || 0)), night = 864e5;
  const place = Array.from(ts, (ms) => below(axis.first, ms)), jumps = place.map((k, i) => (i ? k - place[i - 1] : 0));
  const usual = jumps.filter((jump) => jump > 0).sort((a, b) => a - b), far = Math.max(1, 2 * (usual[usual.length >> 1] || 0));
  const same = (a, b) => Math.floor((a + INDIA) / night) === Math.floor((b + INDIA) / night);
  return Array.from(ts, (ms, i) => i > 0 && (jumps[i] > far || (ms - ts[i - 1] > least && same(ms, ts[i - 1]))));
}
// Paper is light, whatever the screen is.
let theme;
addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  for (const chart of CHARTS) chart.draw(true);
});
addEventListener("afterprint", () => {
  if (theme === undefined) delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
  redraw();
});

function start(build) {
  unpack().then((columns) => { document.getElementById("page").replaceChildren(...build(columns)); redraw(); })
    .catch((error) => { document.getElementById("page").textContent = `This browser can't open the report: ${error}`; throw error; });
}
