// After the session: what was earned, by strategy and instrument, what it cost, what was refused.

import { get, query } from "./api.js";
import { curve } from "./chart.js";
import { UNKNOWN, clock, count, date, dayOf, moment, rupees, short, toneOf, units } from "./numbers.js";
import { positionPnl } from "./pnl.js";
import { Table, el, note, put, section, tile } from "./ui.js";

const money = (get_) => (row) => ({ text: rupees(get_(row)), tone: toneOf(get_(row)) });

export function dayPage(app) {
  const names = ["Net P&L", "Realised", "Charges", "Fills", "Orders", "Refused", "Worst dip"], shown = new Map(names.map((name) => [name, tile(name, `day-${name.toLowerCase().replaceAll(" ", "-")}`)]));
  const byStrategy = new Table([
    { label: "Strategy", text: true, value: (row) => row.strategy }, { label: "Realised", value: money((row) => units(row.realised)) }, { label: "Unrealised", value: money((row) => units(row.unrealised)) },
    { label: "Charges", value: (row) => rupees(units(row.charges)) }, { label: "Net P&L", value: money((row) => units(row.pnl)) }, { label: "Lowest", value: money((row) => units(row.lowest)) },
  ], { key: (row) => row.strategy, label: "By strategy", empty: "Nothing was booked." });
  const byInstrument = new Table([
    { label: "Instrument", text: true, value: (row) => short(row.instrument) }, { label: "Strategy", text: true, value: (row) => row.strategy }, { label: "Realised", value: money((row) => units(row.realised)) },
    { label: "Charges", value: (row) => rupees(units(row.charges)) }, { label: "Still held", value: (row) => count(row.quantity) }, { label: "Net P&L", value: (row) => { const { net } = positionPnl(row, app.live.tick(row.instrument)); return { text: rupees(net), tone: toneOf(net) }; } },
  ], { key: (row) => `${row.strategy}/${row.instrument}`, label: "By instrument", empty: "Nothing was traded." });
  const refused = new Table([{ label: "Rule", text: true, value: (row) => row.code }, { label: "Refusals", value: (row) => count(row.count) }], { key: (row) => row.code, label: "Refusals", empty: "No rule has refused anything." });
  const plot = el("div", {}), days = el("div", { class: "bar", id: "days" }), facts = el("dl", {}), report = el("div", {});
  const node = el("div", {}, days, el("div", { class: "tiles" }, [...shown.values()].map((each) => each.node)), section("Net P&L as it was booked", plot), section("By strategy", byStrategy.node), section("By instrument", byInstrument.node),
    el("div", { class: "two" }, section("Refusals by rule", refused.node), section("The run", facts)), section("The run's own page", report));
  let folios = null, drawn = "";
  for (const each of shown.values()) each.set(UNKNOWN);

  async function refresh() {
    const run = app.run.run;
    const [all, told, pipeline] = await Promise.all([get("/portfolios" + query({ limit: 50 })), get(`/portfolios/${encodeURIComponent(run)}/pnl`), get("/monitoring/pipeline" + query({ run }))]);
    folios = all.items.filter((row) => row.run === run);
    byStrategy.set(folios);
    const stages = pipeline.items[0] ? pipeline.items[0].stages : null, number = (name) => (!stages ? null : stages[name] ? (stages[name].count ?? stages[name]) : 0);
    shown.get("Fills").set(count(number("order_filled")));
    shown.get("Orders").set(count(number("order_placed")));
    shown.get("Refused").set(count(number("rejected_signal")), number("rejected_signal") ? "warn" : "");
    const key = `${run} ${told.of}`;
    if (key !== drawn) { drawn = key; const points = sumOf(told.series); put(plot, curve(points, "net P&L over time"), scaleOf(points)); }
    const row = app.run;
    put(facts, [["Name", row.run], ["Mode", `${row.mode} at ${row.broker}`], ["Account", row.account], ["Began", moment(row.started_ns)], ["Ended", row.ended_ns ? moment(row.ended_ns) : "not yet"], ["Status", row.standing || row.status],
      ["Digest", row.digest || "not yet"], ["Proof", `alphapanda verify ${row.run.replace(/-[0-9a-f]{8}$/, "")}`]].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    put(report, row.ended_ns ? el("p", {}, el("a", { href: `/api/v1/portfolios/${encodeURIComponent(run)}/report`, target: "_blank", rel: "noopener" }, "Open the report")) : note("It is made when the run ends."));
    const byDay = new Map();
    for (const each of (app.runs || []).filter((one) => one.mode !== "backtest")) { const day = dayOf(each.started_ns); byDay.set(day, [...(byDay.get(day) || []), each]); }
    put(days, [...byDay].sort((a, b) => b[0] - a[0]).slice(0, 30).map(([, runs]) => el("button", { type: "button", class: runs.some((each) => each.run === run) ? "chosen" : "", onclick: () => app.choose(runs[0].run) }, `${date(runs[0].started_ns)} (${runs.length})`)));
    update();
  }
  function update() {
    const sums = app.sums(), set = (name, value) => shown.get(name).set(rupees(value), toneOf(value));
    set("Net P&L", sums.net);
    set("Realised", sums.realised);
    shown.get("Charges").set(rupees(sums.charges));
    set("Worst dip", app.worst());
    byInstrument.none(app.known() ? "Nothing was traded." : "Not known: the run's board has not come.");
    byInstrument.set([...app.positions()].sort((a, b) => (`${a.instrument}/${a.strategy}` < `${b.instrument}/${b.strategy}` ? -1 : 1)));
    refused.set(app.risk ? app.risk.refused : null);
  }
  return { node, refresh, update, every: 10000 };
}
// What the line has no axis for.
function scaleOf(points) {
  if (points.length < 2) return null;
  const sums = points.map((each) => each[1]), shown = (number) => rupees(BigInt(Math.round(number * 100)) * 100n, { sign: true });
  return note(`${clock(points[0][0])} to ${clock(points.at(-1)[0])}: highest ${shown(Math.max(...sums))}, lowest ${shown(Math.min(...sums))}, last ${shown(sums.at(-1))}`);
}
// The sum of all strategies' snapshots after each of them.
function sumOf(series) {
  const points = [], last = {}, made = [];
  for (const [name, rows] of Object.entries(series)) for (const [ts, pnl] of rows) points.push([Number(ts), name, Number(pnl)]);
  points.sort((a, b) => a[0] - b[0]);
  let sum = 0;
  for (const [ts, name, pnl] of points) { sum += pnl - (last[name] || 0); last[name] = pnl; made.push([ts, sum]); }
  return made;
}
