// What indicators stood at: lines over the price where they are prices, else a chart each.

const HUES = ["#d9822b", "#8f4bd1", "#12949c", "#c23b84", "#7a8a1f", "#4c6ef5", "#a0522d", "#2f9e44"];
const OVER = 6, BESIDE = 2; // drawn from the start

// Outputs of one declared indicator belong together: those that are prices, and the others.
function indicatorGroups() {
  const groups = new Map();
  (CONTENT.indicators || []).forEach((series, n) => {
    const who = STRATEGIES.length > 1 ? `${STRATEGIES[series.strategy]} ` : "", key = `${who}${series.name.split(".")[0]} ${series.on_price}`;
    if (!groups.has(key)) groups.set(key, { name: who + series.name, over: series.on_price, names: [], series: [] });
    const group = groups.get(key);
    group.series.push({ ...series, n, label: who + series.name });
    if (!group.names.includes(who + series.name)) group.names.push(who + series.name);
  });
  const made = [...groups.values()], shown = { true: OVER, false: BESIDE };
  made.forEach((group, i) => { group.first = i; group.on = shown[group.over]-- > 0; });
  return made;
}

// `chosen` returns the charted instrument. What comes back: lines over its price, and elements.
function indicators(c, view, places, chosen) {
  const groups = indicatorGroups(), cache = new Map();
  const lines = (group) => group.series.filter((series) => series.row === chosen()).map((series) => line(group, series));
  const hue = (group, label = group.name) => HUES[(group.first + (group.over ? 0 : group.names.indexOf(label))) % HUES.length];
  function line(group, { n, unit, label }) {
    if (!cache.has(n)) {
      const ts = c["indicator_ts_" + n];
      cache.set(n, { x: places(ts), y: c["indicator_" + n].map((v) => v * unit), holes: holesOf(ts, view.axis), colour: hue(group, label), name: "other", label, thin: true });
    }
    return cache.get(n);
  }
  const beside = groups.filter((group) => !group.over).map((group) => {
    const told = (it) => { const [low, high] = ends(it.y); return `${it.label}: lowest ${trim(it.y[low])}, highest ${trim(it.y[high])}, last ${trim(it.y[it.y.length - 1])}.`; };
    const chart = new Chart(view, { height: 110, label: group.name, format: (y, full, step) => (full ? trim(y) : plain(y, digitsOf(step))), words: () => lines(group).map(told).join(" "), series: () => lines(group) });
    return { group, chart, node: el("div", {}, el("h3", {}, group.name), chart.node) };
  });
  const refresh = () => { for (const { group, chart, node } of beside) { node.hidden = !group.on || !lines(group).length; chart.retell(); } redraw(); };
  const box = (group) => el("label", { class: "key", style: `--c: ${hue(group)}` }, el("input", { type: "checkbox", checked: group.on, onchange: (event) => { group.on = event.target.checked; refresh(); } }), ` ${group.name}`);
  const every = () => { const ts = c["indicator_ts_" + groups[0].series[0].n], steps = Array.from(ts, (ms, i) => (i ? ms - ts[i - 1] : 0)).sort((a, b) => a - b); return span(steps[(steps.length + 1) >> 1] || 0); };
  const boxes = groups.length ? [el("div", { class: "bar quiet", role: "group", "aria-label": "indicators" }, `Indicators, as the hooks saw them every ${every()}:`, ...groups.map(box))] : [];
  refresh();
  return { over: () => groups.filter((group) => group.over && group.on).flatMap(lines), boxes, charts: beside.map((each) => each.node), refresh };
}
