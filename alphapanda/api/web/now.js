// The first page: is it alive, what have I earned, what do I hold, what works, what was refused.

import { get, query, post } from "./api.js";
import { activityLine, folded } from "./words.js";
import { UNKNOWN, clock, count, many, moment, percent, price, rupees, short, span, times, toneOf, units } from "./numbers.js";
import { positionPnl } from "./pnl.js";
import { flatten, give, rearm } from "./stop.js";
import { NOT_READ, Table, attempt, el, keep, put, section, tile } from "./ui.js";

const STALE_S = 2;

export function nowPage(app) {
  const tiles = ["Realised", "Unrealised", "Charges", "Exposure gross", "Exposure net", "Orders working", "Refused", "Loss limit left"];
  const shown = new Map(tiles.map((name) => [name, tile(name, `tile-${name.toLowerCase().replaceAll(" ", "-")}`)]));
  const stopped = el("div", { id: "stopped" }), alerts = el("div", { id: "alerts" });
  const positions = new Table(positionColumns(app), {
    key: (row) => `${row.strategy}/${row.instrument}`, label: "Positions", empty: "No position is open.",
    click: (row) => app.go("strategies", { strategy: row.strategy, instrument: row.instrument }),
  });
  const flat = el("label", {}, el("input", { type: "checkbox", id: "flat", onchange: () => update() }), "closed ones too");
  const orders = new Table(orderColumns(app), { key: (row) => row.order_id, label: "Working orders", empty: "No order works.", most: 50 });
  const activity = el("ol", { class: "list", id: "activity" });
  const refused = el("ol", { class: "list", id: "refused" });
  const node = el("div", {}, stopped, alerts, el("div", { class: "tiles" }, [...shown.values()].map((each) => each.node)),
    el("div", { class: "bar" }, el("h2", {}, "Positions"), flat), positions.node,
    section("Working orders", orders.node),
    el("div", { class: "two" }, section("Last activities", activity), section("Why the last signals did not trade", refused)));
  let signals = null, fills = null;

  // What no stream tells is asked for now and then: refusals in words, what stands still.
  async function refresh() {
    if (!app.run) return;
    const run = app.run.run;
    const [refusals, told] = await Promise.all([get("/signals" + query({ run, status: "rejected", limit: 100 })), get("/fills" + query({ run, limit: 20 }))]);
    signals = refusals.items;
    fills = told.items;
    update();
  }
  function update() {
    const live = app.live, run = app.run;
    if (!run) return;
    const sums = app.sums(), old = !app.running();
    const set = (name, ...rest) => shown.get(name).set(...rest);
    const known = app.known(), why = !known ? "the run's board has not come" : sums.missing.length ? `no price of ${sums.missing.slice(0, 3).map(short).join(", ")} yet` : "";
    set("Realised", rupees(sums.realised), toneOf(sums.realised), known ? "" : why);
    set("Unrealised", rupees(sums.unrealised), toneOf(sums.unrealised), why, why);
    set("Charges", rupees(sums.charges), "", known ? "" : why);
    set("Exposure gross", rupees(sums.gross), "", why);
    set("Exposure net", rupees(sums.exposure), "", why);
    const working = app.working(), unknown = working.filter((row) => row.status === "unknown").length;
    set("Orders working", known ? count(working.length) : UNKNOWN, unknown ? "warn" : "", "", unknown ? `${unknown} may be working` : "");
    const [no, of] = app.refusals();
    set("Refused", count(no), no ? "warn" : "", no === null ? why : "", of === null ? "" : `of ${count(of)} signals`);
    const loss = app.lossLeft();
    set("Loss limit left", loss.left === null ? UNKNOWN : rupees(loss.left), loss.tone, loss.why, loss.left === null ? loss.why : `${percent(loss.share, 0)} used`);
    const rows = app.positions();
    positions.none(known ? "No position is open." : "Positions are not known: the run's board has not come.");
    orders.none(known ? "No order works." : "Orders are not known: the run's board has not come.");
    const all = flat.querySelector("input").checked;
    positions.set(rows.filter((row) => all || row.quantity !== 0).sort((a, b) => (a.strategy + a.instrument < b.strategy + b.instrument ? -1 : 1)));
    orders.set(working.sort((a, b) => b.ts - a.ts));
    keep(stopped, [run.run, app.acts(), live.mute, app.killFile, app.stopped(), run.standing, sums.open], () => [["unfinished", "stopped"].includes(run.standing) ? deadLine(run.standing, sums.open) : null, app.killFile ? killFileLine(app) : null, ...app.stopped().map((each) => stopLine(app, each))]);
    const loud = [...live.alerts.values()].filter((row) => !row.run || row.run === run.run).sort((a, b) => (a.severity === b.severity ? b.last_ns - a.last_ns : a.severity === "critical" ? -1 : 1)).slice(0, 4);
    keep(alerts, [live.mute, loud], () => loud.map((row) => alertLine(app, row)));
    const latest = live.activity.filter((each) => each.run === run.run), told = new Set(latest.filter((each) => each.type === "fill").map((each) => each.seq));
    const lines = folded([...latest, ...(fills || []).filter((row) => !told.has(row.seq))]).slice(0, 20);
    put(activity, lines.length ? lines.map((each) => activityLine(each)) : el("li", { class: "quiet" }, fills === null ? NOT_READ : "Nothing has happened yet."));
    const kept = new Set((signals || []).map((row) => row.signal_id));
    const latestNo = latest.filter((each) => each.type === "refusal" && !kept.has(each.signal_id));
    const refusals = folded([...latestNo, ...(signals || [])].sort((a, b) => Number(b.ts) - Number(a.ts))).slice(0, 12);
    put(refused, refusals.length ? refusals.map((row) => el("li", {}, el("time", {}, clock(row.ts)), el("b", {}, `${row.strategy} ${row.side} ${count(row.quantity)} ${short(row.instrument)}: `), row.sentence || row.code, times(row.times)))
      : el("li", { class: "quiet" }, signals === null ? NOT_READ : "None was refused."));
    node.classList.toggle("over", old);
  }
  return { node, update, refresh, every: 10000 };
}

function stopLine(app, each) {
  const scope = each.scope === "account" ? "the whole account" : `${each.scope} ${each.name}`;
  const at = each.since_ns || each.state_ns || each.asked_ns;
  const since = at ? ` since ${moment(at)}` : "", by = each.by ? ` by ${each.by}` : "", why = [each.code ?? (each.facts || {}).code, each.reason].filter(Boolean).join(": ");
  const killed = each.verb === "kill";
  return el("div", { class: killed ? "loud" : "loud warm" }, el("p", {}, el("b", {}, killed ? "Killed: " : each.verb === "flatten" ? "Flattened and paused: " : "Paused: "), scope + since + by + (why ? ` (${why})` : "")),
    !app.running() ? null : killed ? (app.may("admin") ? el("button", { type: "button", class: "small", disabled: !app.acts(), onclick: () => rearm({ run: app.run.run, scope: each.scope, name: each.name || "" }) }, "Rearm") : null)
      : app.may("trade:control") ? el("button", { type: "button", class: "small", disabled: !app.acts(), onclick: () => give("resume", { run: app.run.run, scope: each.scope, name: each.name || "" }) }, "Resume") : null);
}

// A run that has not ended, and that no process trades: nobody watches what it holds.
function deadLine(standing, open) {
  const held = open ? `${many(open, "position")} open, and nobody watches` : open === 0 ? "no position is open" : "what it holds is not known";
  return el("div", { class: "loud", id: "dead" }, el("p", {}, el("b", {}, "Nobody trades this run: "), `${standing === "stopped" ? "it was stopped" : "its process is gone"}, and it has not ended; ${held}. The command that began it, with the same --out, goes on with it.`));
}

// The file that stops all runs of the base folder, and lets none begin.
function killFileLine(app) {
  return el("div", { class: "loud" }, el("p", {}, el("b", {}, "Killed: "), "the file KILL lies in the base folder: no run begins until it is lifted"),
    app.may("admin") ? el("button", { type: "button", class: "small", disabled: app.live.mute, onclick: () => rearm({ run: null, scope: "account", name: "" }) }, "Rearm all") : null);
}

export function alertLine(app, row) {
  const act = (what) => attempt(async () => app.live.alert(await post(`/alerts/${row.id}/${what}`, {})));
  return el("div", { class: row.severity === "critical" ? "loud" : row.severity === "warning" ? "loud warm" : "loud cool" },
    el("p", {}, el("b", {}, `${row.severity}${row.count > 1 ? ` ×${row.count}` : ""}: `), row.text, el("small", {}, ` ${clock(row.last_ns)}${row.state === "acknowledged" ? ", acknowledged" : ""}`)),
    app.may("alerts:write") && row.state === "open" ? el("button", { type: "button", class: "small", disabled: app.live.mute, onclick: () => act("acknowledge") }, "Acknowledge") : null,
    app.may("alerts:write") ? el("button", { type: "button", class: "small", disabled: app.live.mute, onclick: () => act("resolve") }, "Resolve") : null);
}

function positionColumns(app) {
  const pnl = (row) => positionPnl(row, app.live.tick(row.instrument));
  const stale = (row) => { const age = app.live.age(row.instrument); return row.quantity !== 0 && (age === null || age > STALE_S || !app.running()); };
  const aged = (row) => {
    const age = app.live.age(row.instrument), tick = app.live.tick(row.instrument);
    if (!tick) return "no price of it has come";
    return age === null ? `the price of ${clock(tick.ts)}, as it was when this page was opened` : `came ${span(age)} ago, its time is ${clock(tick.ts)}`;
  };
  return [
    { label: "Instrument", text: true, value: (row) => ({ text: short(row.instrument), title: row.instrument }), sort: (row) => row.instrument },
    { label: "Strategy", text: true, value: (row) => row.strategy, sort: (row) => row.strategy },
    { label: "Quantity", value: (row) => ({ text: count(row.quantity), tone: row.quantity < 0 ? "down" : "" }), sort: (row) => row.quantity },
    { label: "Average", value: (row) => (row.quantity === 0 ? UNKNOWN : price(averageOf(row))), phone: false },
    { label: "Last", value: (row) => { const one = pnl(row); return { text: price(one.last), tone: stale(row) ? "stale" : "", title: aged(row) }; } },
    { label: "Age", value: (row) => { const age = app.live.age(row.instrument); return { text: row.quantity === 0 ? UNKNOWN : span(age), tone: stale(row) ? "stale" : "", title: aged(row) }; } },
    { label: "Unrealised", value: (row) => { const one = pnl(row); return { text: rupees(one.unrealised), tone: stale(row) ? "stale" : toneOf(one.unrealised), title: one.unrealised === null ? aged(row) : "" }; }, phone: false },
    { label: "Realised", value: (row) => { const one = pnl(row); return { text: rupees(one.realised), tone: toneOf(one.realised) }; }, phone: false },
    { label: "Charges", value: (row) => rupees(units(row.charges)), phone: false },
    { label: "Net P&L", value: (row) => { const one = pnl(row); return { text: rupees(one.net, { sign: true }), tone: stale(row) ? "stale" : toneOf(one.net), title: one.net === null ? aged(row) : "realised + unrealised − charges" }; }, sort: (row) => { const { net } = pnl(row); return net === null ? null : Number(net); } },
    { label: "", off: (row) => !app.acts() || row.quantity === 0, node: (row) => el("button", { type: "button", class: "small", title: "Pauses the instrument and closes what is held of it.", onclick: () => flattenOf(app, row().instrument), hidden: !app.may("trade:control") }, "Flatten") },
  ];
}
function flattenOf(app, name) {
  const open = app.positions().filter((row) => row.instrument === name && row.quantity !== 0).length;
  return flatten({ open, run: app.run.run, scope: "instrument", name, of: short(name) });
}
// Of a price, which is cost by quantity; half up to a unit, for showing alone.
function averageOf(row) {
  const cost = units(row.cost), quantity = BigInt(row.quantity);
  return quantity === 0n ? null : cost / quantity;
}

function orderColumns(app) {
  const age = (row) => (app.now() ? Math.max(0, (app.now() - row.ts) / 1e9) : null);
  return [
    { label: "Order", text: true, value: (row) => `${row.side} ${short(row.instrument)}` },
    { label: "Strategy", text: true, value: (row) => row.strategy },
    { label: "Placed", value: (row) => ({ text: clock(row.ts), title: `${span(age(row))} ago, by the market's time` }) },
    { label: "Filled", value: (row) => `${count(row.filled)} of ${count(row.quantity)}` },
    { label: "Kind", text: true, value: (row) => row.kind },
    { label: "Price", value: (row) => (units(row.price) ? price(units(row.price)) : UNKNOWN) },
    { label: "Trigger", value: (row) => (units(row.trigger_price) ? price(units(row.trigger_price)) : UNKNOWN), phone: false },
    { label: "Status", text: true, value: (row) => (row.status === "unknown" ? { text: "unknown: may be working", tone: "warn", title: "The broker's answer is lost." } : row.status) },
    { label: "", off: () => !app.acts(), node: (row) => el("button", { type: "button", class: "small", hidden: !app.may("orders:write"), onclick: () => attempt(() => post(`/orders/${encodeURIComponent(app.run.run)}/${row().order_id}/cancel`, {}), "cancel was asked for") }, "Cancel") },
  ];
}
