// The page of one run.

const { strategies: STRATEGIES, instruments: INSTRUMENTS } = CONTENT.names || {};
const SCALE = 1e4;
const money = (column) => column.map((x) => x / SCALE);
// Names as one types them: INFY, with its exchange behind where there are several.
const EXCHANGES = new Set((INSTRUMENTS || []).map((name) => name.split(":")[0]));
const short = (name) => { const [exchange, ...rest] = name.split(":"); return rest.length ? rest.join(":") + (EXCHANGES.size > 1 ? ` (${exchange})` : "") : name; };

function runPage(c) {
  const axis = makeAxis(c.day_first, c.day_last), traded = c.fill_ts.length > 0;
  const view = axis.count ? new View(axis) : null;
  const places = (ts) => ts.map((ms) => axis.x(ms));
  const prices = view && CONTENT.shown.length ? priceChart(c, view, places) : null;
  return [
    head(), loud(), tiles(), CONTENT.pnl_line ? el("p", { class: "quiet" }, CONTENT.pnl_line) : "",
    ...(view ? curves(c, view, places) : [el("p", { class: "quiet" }, "There are no rows in this run.")]),
    ...(prices ? prices.nodes : []),
    ...months(c, view), ...(traded ? trades(c, prices) : [el("h2", {}, "Trades"), el("p", { class: "quiet" }, "No order was filled.")]),
    ...split("By strategy", CONTENT.splits.strategies), ...split("By instrument", CONTENT.splits.instruments),
    ...fillErrors(c, view), ...costs(), ...rejections(), ...figures(), ...origin(),
  ];
}

function head() {
  const badge = CONTENT.partial ? el("span", { class: "badge" }, CONTENT.partial) : null;
  return el("header", {}, el("div", {}, el("h1", {}, CONTENT.title + " ", badge), el("p", { class: "quiet" }, CONTENT.subtitle),
    ...CONTENT.params.slice(0, 6).map((text) => el("p", { class: "quiet" }, text))), themeButton());
}
function loud() {
  if (!CONTENT.loud || !CONTENT.loud.length) return "";
  return el("section", { class: "loud", role: "alert" }, el("b", { class: "down" }, "Before you read on"),
    ...CONTENT.loud.map((note) => el("p", {}, note)));
}
function tiles() {
  return el("div", { class: "tiles" }, ...CONTENT.tiles.map(([name, value, tone]) =>
    el("div", { class: "tile" }, defined("small", "", name), el("b", { class: tone }, value))));
}
// A label that says on hover what its figure is.
function defined(tag, look, label) {
  const words = CONTENT.definitions[label];
  return words ? el(tag, { class: `${look} defined`.trim(), title: words }, label) : el(tag, { class: look }, label);
}

function curves(c, view, places) {
  const start = CONTENT.cash, whole = (ts, y, first) => ({ x: Float64Array.of(0, ...places(ts)), y: Float64Array.of(first, ...y), ts: [c.day_first[0], ...ts] });
  const equity = whole(c.equity_ts, money(c.equity), start);
  const lines = [{ ...equity, name: "main", label: "Equity", step: true }];
  const falls = [{ x: equity.x, y: fallsOf(equity.y, start), name: "down", label: "Drawdown", fill: true, step: true }];
  const part = (name, look, label, more) => ({ x: places(c[name + "_ts"]), y: c[name].map((x) => x / 1e6), name: look, label, step: true, ...more });
  const exposure = [part("gross", "main", "Gross", { fill: true }), part("net", "other", "Net", { thin: true })];
  const wait = c.benchmark && c.benchmark.length ? [{ x: places(c.benchmark_ts), y: money(c.benchmark), name: "other", label: "Buy and hold" }] : [];
  const money0 = (y, full, step) => (full ? rupees(y) : brief(y, step));
  const share = (y, full, step) => percent(y, full ? 2 : digitsOf(step * 100));
  const told = () => { const [low, high] = ends(equity.y); return `From ${rupees(start)} to ${rupees(equity.y[equity.y.length - 1])}; lowest ${rupees(equity.y[low])} on ${day(equity.ts[low])}, highest ${rupees(equity.y[high])} on ${day(equity.ts[high])}.`; };
  const fallen = () => { const [low] = ends(falls[0].y); return falls[0].y[low] < 0 ? `Deepest ${percent(falls[0].y[low])} on ${day(equity.ts[low])}, of every P&L row.` : "There is none."; };
  const most = () => { const [, high] = ends(exposure[0].y); return exposure[0].y.length && exposure[0].y[high] ? `At most ${percent(exposure[0].y[high])} of equity, on ${day(c.gross_ts[high])}.` : "There is none."; };
  const held = () => `From ${rupees(wait[0].y[0])} to ${rupees(wait[0].y[wait[0].y.length - 1])}: an equal part of the cash in each instrument at its first price, no charges. Its scale is its own.`;
  return [
    el("h2", {}, "Equity"), zoomBar(view),
    new Chart(view, { height: 280, label: "equity", format: money0, words: told, series: () => lines }).node,
    el("h3", {}, "Drawdown"),
    new Chart(view, { height: 130, label: "drawdown", format: share, zero: true, falls: true, words: fallen, series: () => falls }).node,
    ...(wait.length ? [el("h3", {}, "Buy and hold"), new Chart(view, { height: 130, label: "buy and hold", format: money0, words: held, series: () => wait }).node] : []),
    el("h3", {}, "Exposure: worth of positions, as a part of equity"),
    new Chart(view, { height: 120, label: "exposure", format: share, zero: true, words: most, series: () => exposure }).node,
    ...rolling(c, view, places, share),
  ];
}
// Sharpe and volatility of the days behind each day; none where the run is too short for it.
function rolling(c, view, places, share) {
  const days = CONTENT.rolling;
  if (!c.rolling_ts.length) return [el("p", { class: "quiet" }, `Rolling Sharpe and volatility need more than ${days} days.`)];
  const series = (name) => ({ x: places(c.rolling_ts), y: c[name].map((x) => x / 1e6), name: "main", label: name === "rolling_sharpe" ? "Sharpe" : "Volatility" });
  const lines = [series("rolling_sharpe"), series("rolling_volatility")];
  const told = (line, text) => () => { const [low, high] = ends(line.y); return `Over the last ${days} days: lowest ${text(line.y[low])} on ${day(c.rolling_ts[low])}, highest ${text(line.y[high])} on ${day(c.rolling_ts[high])}.`; };
  const number = (y, full, step) => plain(y, full ? 2 : digitsOf(step));
  return [
    el("h3", {}, `Sharpe, rolling over ${days} days`), new Chart(view, { height: 120, label: "rolling Sharpe", format: number, zero: true, words: told(lines[0], (y) => plain(y)), series: () => lines.slice(0, 1) }).node,
    el("h3", {}, `Volatility a year, rolling over ${days} days`), new Chart(view, { height: 120, label: "rolling volatility", format: share, zero: true, words: told(lines[1], percent), series: () => lines.slice(1) }).node,
  ];
}
function ends(y) {
  let low = 0, high = 0;
  for (let i = 1; i < y.length; i++) { if (y[i] < y[low]) low = i; if (y[i] > y[high]) high = i; }
  return [low, high];
}

// Price with fills and stops. Where fills crowd, their number is drawn instead of each.
function priceChart(c, view, places) {
  const fills = new Map(), stops = new Map(), cache = new Map(), fx = places(c.fill_ts);
  c.fill_row.forEach((row, i) => { if (!fills.has(row)) fills.set(row, []); fills.get(row).push(i); });
  c.stop_row.forEach((row, i) => { if (!stops.has(row)) stops.set(row, []); stops.get(row).push(i); });
  const inward = c.fill_inward, trips = new Map();
  c.trip_row.forEach((row, i) => { if (!trips.has(row)) trips.set(row, []); trips.get(row).push(i); });
  const rows = [...CONTENT.shown].sort((a, b) => (fills.get(b) || []).length - (fills.get(a) || []).length);
  let row = rows[0];
  const drawn = indicators(c, view, places, () => row);
  const path = (r) => {
    if (!cache.has(r)) cache.set(r, { holes: holesOf(c["price_ts_" + r], view.axis), x: places(c["price_ts_" + r]), y: money(c["price_" + r]), up: money(c["price_up_" + r]), down: money(c["price_down_" + r]), opened: money(c["price_open_" + r]), volume: c["volume_" + r], most: c["volume_" + r].reduce((a, b) => Math.max(a, b), 0), name: "main", label: INSTRUMENTS[r], thin: true });
    return cache.get(r);
  };
  const chart = new Chart(view, {
    height: 340, label: "price with entries, exits and stops", format: (y, full, step) => plain(y, full ? 2 : digitsOf(step)),
    words: () => priceWords(row, path(row), fills.get(row) || [], c),
    series: () => [{ ...path(row), hidden: apart(path(row), view, chart) }, ...drawn.over()],
    under: (pen, it) => { drawCandles(pen, it, path(row), it.seen[0].hidden); drawStops(pen, it, (stops.get(row) || []), c); },
    over: (pen, it) => { drawTrips(pen, it, trips.get(row) || [], c); drawFills(pen, it, (fills.get(row) || []), c, fx, inward); },
    read: (place, hover) => (hover ? nearest(place, fills.get(row) || [], c, fx, view) : legend()),
  });
  const choose = el("select", { "aria-label": "instrument", onchange: () => { row = +choose.value; chart.retell(); drawn.refresh(); } },
    ...rows.map((r) => el("option", { value: r }, `${short(INSTRUMENTS[r])}  (${plain((fills.get(r) || []).length, 0)} fills)`)));
  const show = (trip) => {
    row = c.trip_row[trip]; choose.value = row; chart.retell(); drawn.refresh();
    const a = view.axis.x(c.trip_entry_ts[trip]), b = view.axis.x(c.trip_exit_ts[trip]), room = Math.max((b - a) * 0.6, view.axis.end / 4000);
    view.show(a - room, b + room); chart.node.scrollIntoView({ block: "center" }); chart.canvas.focus({ preventScroll: true });
  };
  const some = CONTENT.fills > c.fill_ts.length ? el("p", { class: "quiet" }, `${plain(c.fill_ts.length, 0)} of ${plain(CONTENT.fills, 0)} fills are marked, at even distances; fills.parquet has all.`) : "";
  return { nodes: [el("h2", {}, "Price, entries and exits"), el("div", { class: "bar" }, choose), ...drawn.boxes, some, chart.node, ...drawn.charts], show };
}
// Candles while they can be told apart; their volume at the foot, whatever is drawn above it.
function inView(path, view) { return [Math.max(0, below(path.x, view.from)), Math.min(path.x.length, below(path.x, view.to) + 2)]; }
function apart(path, view, chart) { const [start, stop] = inView(path, view); return (stop - start) * 5 < chart.width; }
function drawCandles(pen, it, path, candles) {
  const [start, stop] = inView(path, it.view), foot = it.height - FOOT, room = it.width / Math.max(stop - start, 1), wide = Math.max(1, Math.min(12, room * 0.6));
  for (let i = start; i < stop; i++) {
    const x = it.px(path.x[i]), y = path.y[i], first = y + path.opened[i];
    pen.fillStyle = pen.strokeStyle = colour(y < first ? "down" : "up");
    if (path.most > 0) { const tall = (path.volume[i] / path.most) * 44; pen.globalAlpha = 0.3; pen.fillRect(x - wide / 2, foot - tall, wide, tall); pen.globalAlpha = 1; }
    if (!candles) continue;
    pen.lineWidth = 1; pen.beginPath(); pen.moveTo(x, it.py(y + path.up[i])); pen.lineTo(x, it.py(y - path.down[i])); pen.stroke();
    const top = it.py(Math.max(y, first)), low = it.py(Math.min(y, first));
    pen.fillRect(x - wide / 2, top, wide, Math.max(1, low - top));
  }
}
function priceWords(row, path, list, c) {
  const bought = list.filter((i) => c.fill_qty[i] > 0).length, n = path.y.length;
  return n ? `${INSTRUMENTS[row]} from ${rupees(path.y[0])} to ${rupees(path.y[n - 1])}; marked: ${many(bought, "purchase")}, ${many(list.length - bought, "sale")}.` : "";
}
const legend = () => [el("span", {}, "▲ bought ▼ sold; filled: entry, hollow: exit; dashes: stops; dots from entry to exit: a round trip, green with a profit")];
function nearest(place, list, c, fx, view) {
  let best = -1, gap = (view.to - view.from) / 60;
  const at = lowerOf(list, fx, place);
  for (const k of [at - 1, at]) if (k >= 0 && k < list.length && Math.abs(fx[list[k]] - place) < gap) { best = list[k]; gap = Math.abs(fx[best] - place); }
  return best < 0 ? [] : [el("span", {}, el("b", {}, `${c.fill_qty[best] > 0 ? "bought" : "sold"} ${plain(Math.abs(c.fill_qty[best]), 0)} at ${rupees(c.fill_price[best] / SCALE)}`), ` ${clock(c.fill_ts[best])} ${STRATEGIES[c.fill_strategy[best]]} ${tagOf(c.fill_tag[best])}`)];
}
function lowerOf(list, fx, place) {
  let low = 0, high = list.length;
  while (low < high) { const mid = (low + high) >> 1; if (fx[list[mid]] < place) low = mid + 1; else high = mid; }
  return low;
}
function drawFills(pen, it, list, c, fx, inward) {
  const start = lowerOf(list, fx, it.view.from), stop = lowerOf(list, fx, it.view.to);
  if (stop - start > it.width / 2.5) return crowd(pen, it, list, c, fx, start, stop);
  for (let k = start; k <= stop && k < list.length; k++) {
    const i = list[k], bought = c.fill_qty[i] > 0, x = it.px(fx[i]), y = it.py(c.fill_price[i] / SCALE), turn = bought ? 1 : -1;
    pen.beginPath();
    pen.moveTo(x, y + turn * 3); pen.lineTo(x - 5, y + turn * 12); pen.lineTo(x + 5, y + turn * 12); pen.closePath();
    pen.strokeStyle = pen.fillStyle = colour(bought ? "up" : "down"); pen.lineWidth = 1.4;
    if (inward[i]) pen.fill(); else { pen.fillStyle = colour("ground"); pen.fill(); }
    pen.stroke();
  }
}
// From the average entry to the average exit of each round trip, while they can be told apart.
function drawTrips(pen, it, list, c) {
  const x = (ms) => it.px(it.view.axis.x(ms));
  const seen = list.filter((i) => x(c.trip_exit_ts[i]) >= LEFT && x(c.trip_entry_ts[i]) <= LEFT + it.width);
  if (seen.length > it.width / 8) return;
  pen.lineWidth = 1.4; pen.setLineDash([2, 3]);
  for (const i of seen) {
    pen.strokeStyle = colour(c.trip_pnl[i] < 0 ? "down" : "up");
    pen.beginPath();
    pen.moveTo(x(c.trip_entry_ts[i]), it.py(c.trip_entry[i] / SCALE)); pen.lineTo(x(c.trip_exit_ts[i]), it.py(c.trip_exit[i] / SCALE));
    pen.stroke();
  }
  pen.setLineDash([]);
}
function crowd(pen, it, list, c, fx, start, stop) {
  const size = 4, bought = new Float64Array(Math.ceil(it.width / size) + 2), sold = new Float64Array(bought.length);
  for (let k = start; k < stop; k++) {
    const at = Math.floor((it.px(fx[list[k]]) - LEFT) / size);
    if (at >= 0 && at < bought.length) (c.fill_qty[list[k]] > 0 ? bought : sold)[at]++;
  }
  const most = Math.max(...bought.map((n, i) => n + sold[i])), foot = it.height - FOOT;
  for (let i = 0; i < bought.length; i++) {
    const up = (bought[i] / most) * 46, down = (sold[i] / most) * 46;
    pen.fillStyle = colour("up"); pen.fillRect(LEFT + i * size, foot - up, size - 1, up);
    pen.fillStyle = colour("down"); pen.fillRect(LEFT + i * size, foot - up - down, size - 1, down);
  }
  pen.fillStyle = colour("quiet"); pen.textAlign = "left"; pen.textBaseline = "top";
  pen.fillText(`${plain(stop - start, 0)} fills in view, up to ${plain(most, 0)} a stroke: zoom in to see each`, LEFT + 6, 4);
}
function drawStops(pen, it, list, c) {
  pen.strokeStyle = colour("stop"); pen.lineWidth = 1.3; pen.setLineDash([4, 3]);
  pen.beginPath();
  for (const i of list) {
    const a = it.px(it.view.axis.x(c.stop_from[i])), b = c.stop_to[i] ? it.px(it.view.axis.x(c.stop_to[i])) : LEFT + it.width;
    if (b < LEFT || a > LEFT + it.width) continue;
    const y = it.py(c.stop_price[i] / SCALE);
    pen.moveTo(a, y); pen.lineTo(Math.max(b, a + 1), y);
  }
  pen.stroke(); pen.setLineDash([]);
}

function months(c, view) {
  const all = CONTENT.months.flatMap((row) => row.months).filter((x) => x !== null), most = Math.max(1e-12, ...all.map(Math.abs));
  const years = Math.max(1e-12, ...CONTENT.months.map((row) => Math.abs(row.all || 0)));
  const heat = (x, by = most) => {
    if (x === null) return el("td", {}, "");
    const strength = (45 * Math.abs(x)) / by;
    return el("td", { style: `background: color-mix(in srgb, var(--${x < 0 ? "down" : "up"}) ${strength.toFixed(0)}%, transparent)` }, percent(x));
  };
  const heads = [["Year", "text"], ...MONTHS.map((name) => [name]), ["Year"]];
  const rows = CONTENT.months.map((row) => [String(row.year), ...row.months.map((x) => heat(x)), heat(row.all, years)]);
  const tall = [...MONTHS.map((name, k) => [name, ...CONTENT.months.map((row) => heat(row.months[k]))]), ["Year", ...CONTENT.months.map((row) => heat(row.all, years))]];
  const both = [el("div", { class: "broad" }, table(heads, rows, "months")), el("div", { class: "narrow" }, table([["", "text"], ...CONTENT.months.map((row) => [String(row.year)])], tall, "months"))];
  const nodes = [el("h2", {}, "Monthly returns"), ...(rows.length ? both : [el("p", { class: "quiet" }, "No days.")])];
  const gains = Array.from(c.days, (_, i) => (c.closes[i] > 0 ? c.closes[i + 1] / c.closes[i] - 1 : 0));
  return view && c.closes.length > 2 ? [...nodes, el("h3", { style: "margin-top: 14px" }, "Return of each trading day"), dayBars(c, view), ...distribution("Distribution of daily returns", gains, (x, step) => percent(x, Math.max(2, digitsOf(step * 100))))] : nodes;
}
// How many days, or trips, fell between two round numbers.
function distribution(title, values, format) {
  if (values.length < 5) return [];
  const sorted = Float64Array.from(values).sort(), low = sorted[0], high = sorted[sorted.length - 1];
  if (!(high > low)) return [];
  const wanted = (high - low) / Math.min(30, Math.max(8, Math.ceil(Math.sqrt(values.length)))), size = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= wanted), first = Math.floor(low / step), counts = new Array(Math.floor(high / step) - first + 1).fill(0);
  for (const value of values) counts[Math.floor(value / step) - first]++;
  const most = Math.max(...counts), middle = sorted[sorted.length >> 1], text = (x) => format(x, step);
  const bars = counts.map((n, i) => el("i", { title: `${text(step * (first + i))} to ${text(step * (first + i + 1))}: ${plain(n, 0)}`, style: `height: ${(100 * n) / most}%; background: var(--${first + i < 0 ? "down" : "up"})` }));
  return [
    el("h3", { style: "margin-top: 14px" }, title),
    el("div", { class: "bars", role: "img", "aria-label": `${title}: ${plain(values.length, 0)} from ${text(low)} to ${text(high)}, median ${text(middle)}` }, ...bars),
    el("p", { class: "quiet" }, `${plain(values.length, 0)} from ${text(low)} to ${text(high)}, median ${text(middle)}; a bar is ${text(step)} wide, the highest has ${plain(most, 0)}.`),
  ];
}
function dayBars(c, view) {
  const { axis } = view, gain = new Map(Array.from(c.days, (number, i) => [number, c.closes[i] > 0 ? c.closes[i + 1] / c.closes[i] - 1 : 0]));
  const x = Float64Array.from(axis.first, (_, i) => (axis.at[i] + axis.at[i + 1]) / 2);
  const y = Float64Array.from(c.day_number, (number) => gain.get(number) || 0), all = [...gain.values()];
  const under = (pen, it) => {
    const wide = Math.max(1, it.px(axis.end / axis.count) - it.px(0) - 2), zero = it.py(0);
    const start = Math.max(0, below(x, view.from)), stop = Math.min(x.length, below(x, view.to) + 2);
    for (let i = start; i < stop; i++) {
      pen.fillStyle = colour(y[i] < 0 ? "down" : "up");
      pen.fillRect(it.px(x[i]) - wide / 2, Math.min(zero, it.py(y[i])), wide, Math.max(y[i] ? 1 : 0, Math.abs(zero - it.py(y[i]))));
    }
  };
  const share = (value, full, step) => percent(value, full ? 2 : digitsOf(step * 100));
  const words = () => `${plain(all.filter((v) => v > 0).length, 0)} days up, ${plain(all.filter((v) => v < 0).length, 0)} down, ${plain(all.filter((v) => v === 0).length, 0)} flat; best ${percent(all.reduce((a, b) => Math.max(a, b)))}, worst ${percent(all.reduce((a, b) => Math.min(a, b)))}.`;
  const read = (place, hover) => { const i = below(axis.at, place, axis.count); return hover && i >= 0 ? [el("span", {}, day(axis.first[i]) + " ", el("b", {}, percent(y[i])))] : []; };
  const chart = new Chart(view, { height: 130, label: "return of each trading day", format: share, zero: true, words, under, read, series: () => [] });
  chart.range = function () {
    const seen = y.slice(Math.max(0, below(axis.at, view.from)), below(axis.at, view.to, axis.count) + 1);
    let high = Math.max(0, ...seen); const low = Math.min(0, ...seen), room = (high - low) * 0.06 || 0.001;
    if (low === high) high = 0.001;
    this.low = low - (low ? room : 0); this.high = high + (high ? room : 0);
  };
  return chart.node;
}

const tagOf = (number) => CONTENT.tags[number] || "";
const PAGE = 25;
function trades(c, prices) {
  const n = c.trip_pnl.length, of = (name) => (i) => c[name][i];
  const took = (i) => c.trip_exit_ts[i] - c.trip_entry_ts[i];
  const columns = [
    ["Entry", of("trip_entry_ts"), (x) => moment(x), "text"], ["Held", took, (x) => span(x)],
    ["Strategy", of("trip_strategy"), (x) => STRATEGIES[x], "text"], ["Instrument", of("trip_row"), (x) => short(INSTRUMENTS[x]), "text"],
    ["Side", of("trip_side"), (x) => (x > 0 ? "long" : "short"), "text"], ["Why in", of("trip_entry_tag"), tagOf, "text"], ["Why out", of("trip_exit_tag"), tagOf, "text"], ["Quantity", of("trip_qty"), (x) => plain(x, 0)],
    ["In", of("trip_entry"), (x) => plain(x / SCALE)], ["Out", of("trip_exit"), (x) => plain(x / SCALE)],
    ["P&L", of("trip_pnl"), (x) => plain(x / SCALE), "", true], ["Charges", of("trip_charges"), (x) => plain(x / SCALE)],
    ["Against", of("trip_adverse"), (x) => percent(x / 1e6)], ["With", of("trip_favourable"), (x) => percent(x / 1e6)],
  ].filter(([name]) => (name !== "Strategy" || STRATEGIES.length > 1) && (name !== "Instrument" || INSTRUMENTS.length > 1) && (!name.startsWith("Why") || CONTENT.tags.length));
  let order = Array.from({ length: n }, (_, i) => i).sort((a, b) => c.trip_entry_ts[a] - c.trip_entry_ts[b]), shown = order, page = 0, by = 0, falling = false;
  const body = el("tbody"), told = el("small"), back = el("button", { onclick: () => turn(-1) }, "Earlier"), on = el("button", { onclick: () => turn(1) }, "Later");
  const heads = columns.map(([name, , , text], k) => el("th", { class: `sorts ${text || ""}`, tabindex: 0, onclick: () => sort(k), onkeydown: (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); sort(k); } } }, name));
  const traded = [...new Set(c.trip_row)].sort((a, b) => short(INSTRUMENTS[a]).localeCompare(short(INSTRUMENTS[b])));

  const kinds = { all: () => true, winners: (i) => c.trip_pnl[i] > 0, losers: (i) => c.trip_pnl[i] < 0, long: (i) => c.trip_side[i] > 0, short: (i) => c.trip_side[i] < 0 };
  const kind = el("select", { "aria-label": "which trades", onchange: filter }, ...Object.keys(kinds).map((name) => el("option", {}, name)));
  const one = el("select", { "aria-label": "instrument", onchange: filter }, el("option", { value: -1 }, "every instrument"), ...traded.map((row) => el("option", { value: row }, short(INSTRUMENTS[row]))));
  function filter() {
    const test = kinds[kind.value], row = +one.value;
    shown = order.filter((i) => test(i) && (row < 0 || c.trip_row[i] === row)); page = 0; show();
  }
  function sort(k) {
    falling = by === k && !falling; by = k;
    const keys = order.map((i) => [columns[k][1](i), i]).sort((a, b) => (falling ? b[0] - a[0] : a[0] - b[0]) || a[1] - b[1]);
    order = keys.map((pair) => pair[1]); filter();
  }
  function turn(by_) { page += by_; show(); }
  function show() {
    const start = page * PAGE, part = shown.slice(start, start + PAGE);
    const open = (i) => prices && prices.show(i);
    body.replaceChildren(...part.map((i) => el("tr", { class: prices ? "click" : "", ...(prices ? { tabindex: 0 } : {}), onclick: () => open(i), onkeydown: (e) => e.key === "Enter" && open(i) },
      ...columns.map(([, value, text, kind_, tone]) => el("td", { class: tone ? (value(i) > 0 ? "up" : value(i) < 0 ? "down" : "") : kind_ || "" }, text(value(i)))))));
    told.textContent = shown.length ? `${plain(start + 1, 0)} to ${plain(start + part.length, 0)} of ${plain(shown.length, 0)}` : "none";
    back.disabled = page === 0; on.disabled = start + PAGE >= shown.length;
    heads.forEach((head, k) => head.setAttribute("aria-sort", k === by ? (falling ? "descending" : "ascending") : "none"));
  }
  show();
  const left = CONTENT.trips > n ? `, ${plain(n, 0)} of ${plain(CONTENT.trips, 0)} at even distances; result.trades has all` : "";
  return [
    el("h2", {}, `Trades: round trips from flat to flat${left}`),
    el("p", { class: "quiet" }, "P&L in rupees after charges, those beside fills too. Against and With: how far the price went to the worst and to the best while the trade was open, from its average entry. Click a trade, or press Enter on it, to see it on the chart."),
    el("div", { class: "bar" }, kind, INSTRUMENTS.length > 1 ? one : null, told, back, on),
    n ? el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body)) : el("p", { class: "quiet" }, "No round trip was closed."),
    ...distribution("Distribution of round trips, P&L", Array.from(c.trip_pnl, (x) => x / SCALE), (x, step) => rupees(x, digitsOf(step))),
  ];
}
function span(ms) {
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

function split(title, rows) {
  const of = CONTENT.splits.of[title === "By strategy" ? "strategies" : "instruments"];
  if (of < 2 || !rows.length) return [];
  const heads = [[title.slice(3).replace(/^./, (letter) => letter.toUpperCase()), "text"], ["P&L"], ["Trips"], ["Hit rate"], ["Average"], ["Best"], ["Worst"]];
  const most = [...rows].sort((a, b) => b[1] - a[1]), cut = most.length > 60 ? [...most.slice(0, 30), ...most.slice(-30)] : most;
  const made = cut.map(([name, pnl, trips, hit, ...rest]) => [title === "By strategy" ? name : short(name), toned(plain(pnl), pnl), plain(trips, 0), percent(hit, 1), ...rest.map((x) => (x === null ? "–" : plain(x)))]);
  const told = [of > rows.length ? `${plain(of - rows.length, 0)} of ${plain(of, 0)} without a trade are left out` : "", most.length > 60 ? `the first and the last 30 of ${most.length}` : ""].filter(Boolean).join("; ");
  return [el("h2", {}, title), told ? el("p", { class: "quiet" }, told) : null, table(heads, made)].filter(Boolean);
}

// A live run's fills beside those of paper: a dot an order, above the line where live was worse.
const KINDS = [["market", "main"], ["limit", "up"], ["stop limit", "stop"], ["stop", "down"]];
function fillErrors(c, view) {
  const told = CONTENT.fill_errors;
  if (!told) return [];
  const heads = [["Orders", "text"], ["In both"], ["Live only"], ["Paper only"], ["Ticks, half"], ["95 %"], ["Live worse by"], ["₹ an order, half"], ["95 %"], ["Apart in time, half"]];
  const words = told.lines.map((line) => el("p", { class: "quiet" }, line));
  return [el("h2", {}, "Live fills beside paper fills"), ...words, table(heads, told.rows), ...(view && c.error.length ? [errorDots(c, view, told.unit)] : [])];
}
function errorDots(c, view, unit) {
  const x = c.error_ts.map((ms) => view.axis.x(ms)), y = c.error.map((n) => n / 1000), used = [...new Set(c.error_kind)].sort();
  const dots = (pen, it) => {
    const zero = it.py(0);
    pen.strokeStyle = colour("quiet"); pen.lineWidth = 1; pen.beginPath(); pen.moveTo(LEFT, zero); pen.lineTo(LEFT + it.width, zero); pen.stroke();
    for (let i = 0; i < x.length; i++) {
      pen.fillStyle = colour(KINDS[c.error_kind[i]][1]);
      pen.beginPath(); pen.arc(it.px(x[i]), it.py(y[i]), 3, 0, 2 * Math.PI); pen.fill();
    }
  };
  const key = () => used.map((kind) => el("span", {}, el("span", { class: "key", style: `--c: var(--${KINDS[kind][1]})` }), KINDS[kind][0]));
  const said = () => `${plain(y.filter((v) => v > 0).length, 0)} orders were filled worse live than on paper, ${plain(y.filter((v) => v < 0).length, 0)} better, ${plain(y.filter((v) => v === 0).length, 0)} alike.`;
  const chart = new Chart(view, { height: 200, label: `live less paper, ${unit}`, format: (v, full, step) => plain(v, full ? 2 : digitsOf(step)), words: said, over: dots, read: key, series: () => [] });
  chart.range = function () {
    const low = Math.min(0, ...y), high = Math.max(0, ...y), room = (high - low) * 0.08 || 1;
    this.low = low - room; this.high = high + room;
  };
  return el("div", {}, el("h3", { style: "margin-top: 14px" }, `Live less paper by order, ${unit}`), chart.node);
}

function costs() {
  const { kinds, total, of_traded, before } = CONTENT.costs, most = Math.max(0, ...kinds.map((kind) => Math.abs(kind[1])));
  const rows = kinds.flatMap(([name, value, text]) => [el("span", {}, name), el("i", { style: `width: ${(Math.abs(value) / most) * 100}%` }), el("span", {}, text)]);
  const all = kinds.length ? `${total} in all, ${of_traded} of what was traded; P&L before charges ${before}.` : "No charges.";
  return [el("h2", {}, "Charges by kind"), el("p", { class: "quiet" }, all), el("div", { class: "share" }, ...rows)];
}

function rejections() {
  const heads = [["Rule", "text"], ["Refused"], ["Of signals"], ["About", "text long"], ["First", "text"]];
  return [el("h2", {}, "Orders refused, by rule"), CONTENT.rejected.length ? table(heads, CONTENT.rejected) : el("p", { class: "quiet" }, "None.")];
}

function figures() {
  const groups = CONTENT.figures.map(([name, rows]) => el("div", {}, el("h3", {}, name), table([["", "text"], [""]], rows.map(([label, value]) => [defined("td", "text", label), value]))));
  for (const group of groups) {
    group.querySelector("thead").remove();
    if ([...group.querySelectorAll("tr")].some((row) => row.textContent.length > 38)) group.className = "broad-rows";
  }
  return [el("h2", {}, "All figures"), el("div", { class: "columns" }, ...groups)];
}

function againWords() {
  if (CONTENT.again.startsWith("alphapanda.")) return "To run it again, and get the same digest, where the notebook's class is defined:";
  if (CONTENT.again.startsWith("alphapanda ")) return "To run it again, and get the same digest:";
  return "To run it again, and get the same digest, keep this as run.toml: alphapanda backtest run.toml";
}
function origin() {
  const notes = CONTENT.notes.length ? [el("h2", {}, "Notes"), el("ul", {}, ...CONTENT.notes.map((note) => el("li", {}, note)))] : [];
  return [
    ...notes, el("h2", {}, "Where it comes from"),
    el("dl", {}, ...CONTENT.origin.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])),
    el("p", { style: "margin-top: 14px" }, againWords()),
    el("pre", {}, CONTENT.again),
    el("p", { class: "quiet" }, CONTENT.fill_errors ? "A live run: orders filled at a broker, or at a simulated exchange." : "A backtest: recorded prices, orders filled on paper. What it earned or lost here is no forecast."),
  ];
}

start(runPage);
