// Orders, fills and signals: newest first, filters in the address, each refusal in words.

import { get, query } from "./api.js";
import { UNKNOWN, clock, count, moment, price, rupees, short, toneOf, units } from "./numbers.js";
import { Table, attempt, el, note } from "./ui.js";
import { CREDIT } from "./words.js";

const TABS = [["orders", "Orders"], ["fills", "Fills"], ["signals", "Signals"]];
const STATUSES = { orders: ["", "working", "filled", "cancelled", "expired", "failed", "unknown"], signals: ["", "rejected", "validated", "raw"], fills: [""] };

// What was paid or had on average; half up to Rs 0.0001, for showing alone.
const average = (row) => (row.filled ? price((2n * units(row.filled_value) + BigInt(row.filled)) / (2n * BigInt(row.filled))) : UNKNOWN);
// A market order is sent with a price it may not pass, which is not what it was filled at.
const asked = (row) => (row.kind === "market" && units(row.price) ? { text: `within ${amount(row.price)}`, title: "A market order is not filled beyond this price." } : amount(row.price));
const amount = (text) => (units(text) ? price(units(text)) : UNKNOWN);
const COLUMNS = {
  orders: [
    { label: "Order", text: true, value: (row) => ({ text: `${row.side} ${short(row.instrument)}`, title: row.instrument }) },
    { label: "Placed", value: (row) => ({ text: clock(row.ts), title: moment(row.ts) }), sort: (row) => row.ts },
    { label: "Strategy", text: true, value: (row) => row.strategy, sort: (row) => row.strategy },
    { label: "Filled", value: (row) => `${count(row.filled)} of ${count(row.quantity)}` },
    { label: "At", value: (row) => ({ text: average(row), title: "the average price of its fills" }) },
    { label: "Kind", text: true, value: (row) => `${row.kind} ${row.product}` },
    { label: "Price", value: asked },
    { label: "Trigger", value: (row) => amount(row.trigger_price), phone: false },
    { label: "Status", text: true, value: (row) => ({ text: row.status, tone: row.status === "failed" ? "down" : row.status === "unknown" ? "warn" : "" }), sort: (row) => row.status },
    { label: "Reason", text: true, long: true, value: (row) => row.reason || "" },
  ],
  fills: [
    { label: "Fill", text: true, value: (row) => ({ text: `${row.side} ${count(row.quantity)} ${short(row.instrument)}`, title: row.instrument }) },
    { label: "Time", value: (row) => ({ text: clock(row.ts), title: moment(row.ts) }), sort: (row) => row.ts },
    { label: "Strategy", text: true, value: (row) => row.strategy, sort: (row) => row.strategy },
    { label: "Price", value: (row) => amount(row.price) },
    { label: "Charges", value: (row) => ({ text: rupees(units(row.charges)), title: (units(row.charges) ?? 0n) < 0n ? CREDIT : "" }), sort: (row) => Number(units(row.charges)) },
    { label: "Realised", value: (row) => ({ text: rupees(units(row.realised), { sign: true }), tone: toneOf(units(row.realised)) }), sort: (row) => Number(units(row.realised)) },
    { label: "Order", value: (row) => String(row.order), phone: false },
  ],
  signals: [
    { label: "Signal", text: true, value: (row) => ({ text: `${row.side} ${count(row.quantity)} ${short(row.instrument)}`, title: row.instrument }) },
    { label: "Time", value: (row) => ({ text: clock(row.ts), title: moment(row.ts) }), sort: (row) => row.ts },
    { label: "Strategy", text: true, value: (row) => row.strategy, sort: (row) => row.strategy },
    { label: "Kind", text: true, value: (row) => row.kind },
    { label: "Tag", text: true, value: (row) => row.tag || "", sort: (row) => row.tag || "" },
    { label: "Price", value: (row) => amount(row.price) },
    { label: "Became", text: true, value: (row) => ({ text: row.status === "validated" ? "an order" : row.status === "rejected" ? "refused" : "waits", tone: row.status === "rejected" ? "warn" : "" }), sort: (row) => row.status },
    { label: "Rule", text: true, value: (row) => row.code || "", sort: (row) => row.code || "" },
    { label: "Why it did not trade", text: true, long: true, value: (row) => row.sentence || "" },
  ],
};
const KEYS = { orders: (row) => row.order, fills: (row) => row.seq, signals: (row) => row.signal_id ?? row.signal ?? row.seq };

export function ordersPage(app, values) {
  const tab = TABS.some(([name]) => name === values.tab) ? values.tab : "orders";
  const wanted = { status: values.status || "", strategy: values.strategy || "", instrument: values.instrument || "", code: values.code || "" };
  const table = new Table(COLUMNS[tab], { key: KEYS[tab], label: tab, most: 500, empty: Object.values(values).some((each) => each && each !== tab) ? "None that fits." : "None yet.", click: tab === "signals" ? null : (row) => drawer(app, row.order) });
  const filter = el("input", { id: "filter", type: "search", placeholder: "any word", maxlength: 80, "aria-label": "Filter", value: values.text || "", oninput: () => update() });
  const choice = (name, options, label) => el("label", {}, label, el("select", { "aria-label": label, value: wanted[name], onchange: (event) => app.go("orders", { ...values, tab, [name]: event.target.value }) },
    options.map((each) => el("option", { value: each, selected: each === wanted[name] }, each || "all"))));
  const more = el("button", { type: "button", class: "more", hidden: true, onclick: () => attempt(older) }, "Older ones");
  const credit = note(`A charge below ₹0: ${CREDIT.slice(CREDIT.indexOf("it "))}`);
  const codes = tab === "signals" && app.risk ? ["", ...app.risk.refused.map((each) => each.code)] : null;
  const node = el("div", {}, el("div", { class: "bar" },
    TABS.map(([name, label]) => el("button", { type: "button", class: name === tab ? "chosen" : "", onclick: () => app.go("orders", { tab: name }) }, label)),
    STATUSES[tab].length > 1 ? choice("status", STATUSES[tab], "Status") : null,
    app.run ? choice("strategy", ["", ...app.run.strategies], "Strategy") : null, choice("instrument", ["", ...app.instruments], "Instrument"),
    codes ? choice("code", codes, "Rule") : null, filter), credit, table.node, more);
  let rows = null, next = null, held = false;

  const read = (cursor) => get(`/${tab}` + query({ run: app.run.run, ...(tab === "signals" ? wanted : { ...wanted, code: "" }), ...(tab === "fills" ? { status: "" } : {}), limit: 100, cursor }));
  async function refresh() {
    if (held) return;
    const told = await read("");
    rows = told.items;
    next = told.next;
    update();
  }
  async function older() {
    held = true;
    const told = await read(next);
    rows = [...rows, ...told.items];
    next = told.next;
    table.most = rows.length;
    update();
  }
  function update() {
    const word = filter.value.trim().toLowerCase();
    credit.hidden = tab !== "fills" || !(rows || []).some((row) => (units(row.charges) ?? 0n) < 0n);
    table.set(word && rows ? rows.filter((row) => Object.values(row).some((value) => String(value).toLowerCase().includes(word))) : rows);
    more.hidden = !next;
  }
  return { node, refresh, update, every: 6000 };
}

// An order with its signal and its fills.
async function drawer(app, number) {
  const told = await attempt(() => get(`/orders/${encodeURIComponent(app.run.run)}/${number}`));
  if (!told) return;
  const list = (pairs) => el("dl", {}, pairs.filter(([, value]) => value !== null && value !== "").map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  const fills = new Table(COLUMNS.fills, { key: (row) => row.seq, label: "Fills", empty: "It has no fill." });
  fills.set(told.fills);
  const wait = (from, to) => (from && to ? `${((Number(to) - Number(from)) / 1e6).toFixed(1)} ms after the signal` : "");
  const dialog = el("dialog", { class: "drawer", "aria-label": `Order ${number}` }, el("div", { class: "bar" }, el("h3", {}, `Order ${number}: ${told.side} ${count(told.quantity)} ${told.instrument}`), el("button", { type: "button", class: "push", onclick: () => close() }, "Close")),
    list([["Strategy", told.strategy], ["Status", told.status], ["Why", told.reason || ""], ["Kind", `${told.kind} ${told.tif} ${told.product}`], ["Filled at", average(told)], ["Price", asked(told).text || asked(told)], ["Trigger", amount(told.trigger_price)],
      ["Filled", `${count(told.filled)} of ${count(told.quantity)}`], ["Our number", told.client_order_id], ["Broker's number", told.broker_order_id]]),
    el("h3", {}, "Its way"), el("ol", { class: "list" },
      told.signal ? el("li", {}, el("time", {}, moment(told.signal.ts)), `wanted by ${told.signal.strategy}`) : null,
      el("li", {}, el("time", {}, moment(told.ts)), `placed ${told.signal ? wait(told.signal.ts, told.ts) : ""}`),
      told.fills.map((row) => el("li", {}, el("time", {}, moment(row.ts)), `filled ${count(row.quantity)} at ${amount(row.price)} ${wait(told.signal ? told.signal.ts : told.ts, row.ts)}`)),
      el("li", {}, el("time", {}, moment(told.updated_ns)), `${told.status}${told.reason ? `: ${told.reason}` : ""}`)),
    el("h3", {}, "Fills"), fills.node);
  const close = () => { dialog.close(); dialog.remove(); };
  dialog.addEventListener("cancel", close);
  document.body.append(dialog);
  dialog.showModal();
}
