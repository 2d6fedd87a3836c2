// A line of prices with its fills, by the vendored chart library; without its logo, which breaks the policy of styles.

import { el } from "./ui.js";

const IST_S = 19800;

export async function priceChart(points, fills) {
  const node = el("div", { class: "plot" });
  const { createChart, LineSeries, createSeriesMarkers } = await import("./vendor/lightweight-charts.js");
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  const chart = createChart(node, {
    autoSize: true, layout: { attributionLogo: false, background: { color: "transparent" }, textColor: colour("--quiet"), fontSize: 12 },
    grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
    timeScale: { timeVisible: true, secondsVisible: true, borderColor: colour("--line") }, rightPriceScale: { borderColor: colour("--line") },
  });
  const line = chart.addSeries(LineSeries, { color: colour("--main"), lineWidth: 2 });
  const kept = new Map();
  for (const [seconds, value] of points) kept.set(seconds + IST_S, value);
  for (const fill of fills) if (!kept.has(fill.seconds + IST_S)) kept.set(fill.seconds + IST_S, fill.price);
  line.setData([...kept].sort((a, b) => a[0] - b[0]).map(([time, value]) => ({ time, value })));
  createSeriesMarkers(line, [...fills].sort((a, b) => a.seconds - b.seconds).map((fill) => ({
    time: fill.seconds + IST_S, position: fill.buys ? "belowBar" : "aboveBar", shape: fill.buys ? "arrowUp" : "arrowDown", color: colour(fill.buys ? "--up" : "--down"), text: fills.length > 40 ? "" : String(fill.quantity),
  })));
  const fit = () => chart.timeScale().fitContent();
  return { node, fit, add(seconds, value) { try { line.update({ time: seconds + IST_S, value }); } catch { /* older than the last point */ } }, remove() { chart.remove(); } };
}

// A step line of money over time, as plain SVG.
export function curve(points, label) {
  if (points.length < 2) return el("p", { class: "quiet" }, "Not enough points to draw.");
  const xs = points.map((each) => each[0]), ys = points.map((each) => each[1]);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)], [y0, y1] = [Math.min(0, ...ys), Math.max(0, ...ys)];
  const x = (v) => (1000 * (v - x0)) / (x1 - x0 || 1), y = (v) => 195 - (190 * (v - y0)) / (y1 - y0 || 1);
  const make = (tag, more) => { const made = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [name, value] of Object.entries(more)) made.setAttribute(name, value); return made; };
  const svg = make("svg", { viewBox: "0 0 1000 200", preserveAspectRatio: "none", class: "curve", role: "img", "aria-label": label });
  svg.append(make("line", { x1: 0, x2: 1000, y1: y(0), y2: y(0) }));
  svg.append(make("path", { d: points.map(([a, b], index) => (index ? `H${x(a).toFixed(1)}V${y(b).toFixed(1)}` : `M${x(a).toFixed(1)},${y(b).toFixed(1)}`)).join("") }));
  return svg;
}
