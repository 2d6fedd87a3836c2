// A card a strategy: what it holds and has earned, what it did last, and its prices with its fills.

import { get, query } from "./api.js";
import { priceChart } from "./chart.js";
import { UNKNOWN, clock, count, price, rupees, short, toneOf, units } from "./numbers.js";
import { priceOf } from "./pnl.js";
import { give } from "./stop.js";
import { attempt, el, put, say, section } from "./ui.js";

const LAST = 200;

export function strategiesPage(app, values) {
  const cards = new Map(), board = el("div", { class: "two" });
  const instrument = el("select", { id: "chart-of", "aria-label": "Instrument", onchange: () => attempt(draw) });
  const plot = el("div", {}), node = el("div", {}, board, section("Prices and fills", el("div", { class: "bar" }, el("label", {}, "Instrument", instrument)), plot));
  let chart = null, seen = 0, kept = [];

  function card(name) {
    const facts = ["State", "Net P&L", "Realised", "Charges", "Holds", "Last signal", "Last refusal"].map((label) => [label, el("dd", {})]);
    const parameters = el("dd", {});
    const button = el("button", { type: "button", class: "small", hidden: !app.may("trade:control"), onclick: () => give(stateOf(name) === "paused" ? "resume" : "pause", { run: app.run.run, scope: "strategy", name }) }, "Pause");
    const made = { facts: Object.fromEntries(facts), parameters, button };
    made.node = el("div", { class: "card" }, el("div", { class: "bar" }, el("h3", {}, name), button,
      el("button", { type: "button", class: "small", onclick: () => app.go("orders", { tab: "signals", strategy: name }) }, "Its signals")),
    el("dl", {}, facts.map(([label, value]) => [el("dt", {}, label), value]), el("dt", {}, "Parameters"), parameters));
    return made;
  }
  function stateOf(name) {
    const mine = app.stopped().filter((each) => each.scope === "account" || (each.scope === "strategy" && each.name === name));
    if (!app.running()) return app.run.standing || app.run.status;
    if (mine.some((each) => each.verb === "kill")) return "killed";
    return mine.length ? "paused" : "trades";
  }
  async function refresh() {
    const run = app.run.run;
    const [told, all, no] = await Promise.all([get(`/runs/${encodeURIComponent(run)}`), get("/signals" + query({ run, limit: LAST })), get("/signals" + query({ run, status: "rejected", limit: LAST }))]);
    const none = (list) => (list.next ? `none among the last ${LAST} of all` : "none yet");
    app.run.strategies.forEach((name) => {
      if (!cards.has(name)) { cards.set(name, card(name)); board.append(cards.get(name).node); }
      const { facts, parameters } = cards.get(name), signal = all.items.find((each) => each.strategy === name), refusal = no.items.find((each) => each.strategy === name);
      say(facts["Last signal"], signal ? `${clock(signal.ts)} ${signal.side} ${count(signal.quantity)} ${short(signal.instrument)}` : none(all));
      say(facts["Last refusal"], refusal ? `${clock(refusal.ts)} ${short(refusal.instrument)}: ${refusal.sentence}` : none(no), refusal ? "warn" : "");
      const made = (told.manifest.strategies || []).find((each) => each.name === name);
      say(parameters, made ? Object.entries(made.params).map(([key, value]) => `${key} = ${value}`).join(", ") || "none" : UNKNOWN);
    });
    const options = app.instruments.join();
    if (instrument.dataset.options !== options) {
      instrument.dataset.options = options;
      put(instrument, app.instruments.map((name) => el("option", { value: name }, name)));
      instrument.value = app.instruments.includes(values.instrument) ? values.instrument : app.instruments[0] || "";
      await draw();
    }
    update();
  }
  // The prices of the fills, and from now on those that come: no table keeps ticks.
  async function draw() {
    if (chart) chart.remove();
    const told = await get("/fills" + query({ run: app.run.run, instrument: instrument.value, limit: 500 }));
    kept = told.items;
    const fills = kept.map((row) => ({ seconds: Math.floor(Number(row.ts) / 1e9), price: Number(row.price), buys: row.side === "buy", quantity: row.quantity }));
    chart = null;
    seen = 0;
    if (!fills.length && !app.live.tick(instrument.value)) { put(plot, el("p", { class: "quiet" }, "No fill and no price of it yet.")); return; }
    const made = await priceChart([], fills);
    chart = made;
    put(plot, made.node);
    requestAnimationFrame(() => requestAnimationFrame(made.fit));  // once it has its size
  }
  function update() {
    const rows = app.positions();
    for (const [name, { facts, button }] of cards) {
      const mine = rows.filter((row) => row.strategy === name), sums = app.sums(name), state = stateOf(name);
      say(facts.State, state, state === "trades" ? "up" : state === "killed" ? "down" : state === "paused" ? "warn" : "");
      say(facts["Net P&L"], rupees(sums.net, { sign: true }), toneOf(sums.net), sums.net === null ? (sums.missing.length ? `no price of ${sums.missing.join(", ")}` : "the run's board has not come") : "");
      say(facts.Realised, rupees(sums.realised), toneOf(sums.realised));
      say(facts.Charges, rupees(sums.charges));
      say(facts.Holds, mine.filter((row) => row.quantity !== 0).map((row) => `${count(row.quantity)} ${short(row.instrument)}`).join(", ") || (app.known() ? "nothing" : UNKNOWN));
      button.textContent = state === "paused" ? "Resume" : "Pause";
      button.disabled = !app.running() || app.live.mute || state === "killed";
    }
    const tick = app.live.tick(instrument.value);
    if (chart && tick && Number(tick.ts) > seen) {
      seen = Number(tick.ts);
      chart.add(Math.floor(seen / 1e9), Number(price(priceOf(tick)).replaceAll(",", "")));
    } else if (!chart && tick && !kept.length && app.instruments.length && plot.textContent) attempt(draw);
  }
  return { node, refresh, update, every: 10000 };
}
