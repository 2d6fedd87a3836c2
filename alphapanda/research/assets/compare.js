// The page of several runs.

const HUES = [214, 28, 152, 320, 48, 268, 0, 184];
const hue = (k) => `hsl(${HUES[k % HUES.length]} ${k < 8 ? 70 : 35}% ${document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches) ? 66 : 42}%)`;

function comparePage(c) {
  const axis = makeAxis(c.day_first, c.day_last), view = axis.count ? new View(axis) : null;
  const hidden = new Set(), names = CONTENT.names;
  // A run is drawn on its own days alone: before and behind them it was not flat, it was not.
  const curves = names.map((label, k) => {
    const [first, last] = (CONTENT.within[k] || [c.day_first[0], c.day_last[axis.count - 1]]).map((ms) => axis.x(ms));
    return {
      x: Float64Array.of(first, ...Array.from(c[`equity_${k}_ts`], (ms) => axis.x(ms))), ends: last,
      y: Float64Array.of(1, ...Array.from(c[`equity_${k}`], (v) => v / 1e7)), label, step: true, run: k,
    };
  });
  const falls = curves.map((each) => ({ ...each, y: fallsOf(each.y, 1) }));
  const gains = curves.map((each) => ({ ...each, y: each.y.map((v) => v - 1) }));
  const seen = (list) => list.filter((each) => !hidden.has(each.run)).map((each) => ({ ...each, colour: hue(each.run) }));
  const share = (y, full, step) => percent(y, full ? 2 : digitsOf(step * 100));
  const choices = names.map((name, k) => {
    const box = el("input", { type: "checkbox", checked: "checked", onchange: () => { box.checked ? hidden.delete(k) : hidden.add(k); redraw(); } });
    return el("label", { class: "quiet" }, box, " " + name);
  });
  const heads = [["", "text"], ...names.map((name) => [name])];
  const cells = ([label, values]) => [label, ...values.map((text, k) => (label === "P&L after charges" ? toned(text, CONTENT.pnl[k]) : text))];
  return [
    el("header", {}, el("div", {}, el("h1", {}, `${names.length} runs side by side`), el("p", { class: "quiet" }, names.join(" · "))), themeButton()),
    ...(view ? [
      el("h2", {}, "Return since the start"), zoomBar(view),
      new Chart(view, { height: 300, label: "return of each run", format: share, zero: true, series: () => seen(gains) }).node,
      el("div", { class: "bar" }, ...choices),
      el("h3", {}, "Drawdown"), new Chart(view, { height: 160, label: "drawdown of each run", format: share, zero: true, falls: true, series: () => seen(falls) }).node,
    ] : []),
    el("h2", {}, "Figures"), el("div", { class: "beside" }, table(heads, CONTENT.rows.map(cells))),
    el("h2", {}, "Where they differ"), CONTENT.differing.length ? el("div", { class: "beside" }, table(heads, CONTENT.differing.map(([label, values]) => [label, ...values]))) : el("p", { class: "quiet" }, "In nothing that was set."),
    el("p", { class: "quiet" }, "Backtests: recorded prices, orders filled on paper. What they earned or lost here is no forecast."),
  ];
}

start(comparePage);
