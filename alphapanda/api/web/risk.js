// Every limit: what is used of it and what is left; what was refused; what trading has cost.

import { get } from "./api.js";
import { UNKNOWN, clock, count, percent, rupees, share, span, units } from "./numbers.js";
import { NOT_READ, Table, el, note, put, section } from "./ui.js";

const WORDS = {
  qty: "quantity of one order", value: "value of one order", open_value: "value of all working orders", position: "position in one instrument", gross: "gross exposure", net: "net exposure", loss: "the day's loss",
  per_second: "messages a second", per_minute: "messages a minute", per_day: "messages a day", duplicate_ns: "time between two same orders", repeats: "filled orders on one side", repeat_ns: "in this time", age_ns: "age of a price",
  band: "band around the last price", modifications: "changes of one order",
};
const MONEY = ["value", "open_value", "gross", "net", "loss"];

export function said(rule, value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (MONEY.includes(rule)) return rupees(units(value));
  if (rule.endsWith("_ns")) return span(Number(value) / 1e9);
  if (rule === "band") return percent(Number(value) / 1e7, 2);
  return count(Number(value));
}

export function riskPage(app) {
  const used = el("div", { class: "used", id: "used" }), others = el("div", {});
  const refused = new Table([
    { label: "Rule", text: true, value: (row) => row.code }, { label: "Refusals", value: (row) => count(row.count) }, { label: "Last", value: (row) => clock(row.last_ns) },
    { label: "", node: (row) => el("button", { type: "button", class: "small", onclick: () => app.go("orders", { tab: "signals", status: "rejected", code: row().code }) }, "Which") },
  ], { key: (row) => row.code, label: "Refusals by rule", empty: "No rule has refused anything." });
  const charges = new Table([
    { label: "Strategy", text: true, value: (row) => row.strategy }, { label: "Fills", value: (row) => count(row.fills) }, { label: "Turnover", value: (row) => rupees(units(row.turnover)) },
    { label: "Of its fills", value: (row) => rupees(units(row.of_fills)), phone: false }, { label: "In all", value: (row) => ({ text: rupees(units(row.total)), title: "with what is charged by the day: depository, square-off, rounding of the note" }) },
    { label: "Of turnover", value: (row) => percent(share(units(row.total), units(row.turnover)), 3) },
  ], { key: (row) => row.strategy, label: "Charges", empty: "Nothing was traded." });
  const kinds = el("div", { id: "kinds" });
  const all = el("details", {}, el("summary", {}, "All limits"), others);
  const node = el("div", {}, section("Used and left", used), all, el("div", { class: "two" }, section("Refusals by rule", refused.node), section("Charges", charges.node, kinds)));
  let shown = "";

  function limits() {
    const rows = app.risk ? app.risk.limits : [], sums = app.sums();
    const told = rows.map((row) => {
      const whole = row.scope === "account";
      // What the tables do not say of the account, the positions on this page do, by the one formula.
      const used = row.used ?? (whole && row.rule === "gross" && sums.gross !== null ? text(sums.gross) : whole && row.rule === "net" && sums.exposure !== null ? text(sums.exposure < 0n ? -sums.exposure : sums.exposure) : null);
      return { ...row, used, share: used === null ? null : Math.max(0, Number(row.share ?? share(units(used), units(row.limit)))) };
    });
    const next = JSON.stringify([told, app.risk !== null]);
    if (next === shown) return;
    shown = next;
    const known = told.filter((row) => row.used !== null).sort((a, b) => b.share - a.share);
    put(used, known.length ? known.map((row) => {
      const tone = row.share > 0.8 ? "down" : row.share > 0.5 ? "warn" : "";
      return el("div", { class: "limit" }, el("span", {}, el("b", {}, row.name || "account"), ` ${WORDS[row.rule] || row.rule}`), el("progress", { max: 1, value: Math.min(1, row.share), class: tone, "aria-label": WORDS[row.rule] || row.rule }), el("span", { class: tone }, `${said(row.rule, row.used)} of ${said(row.rule, row.limit)} · ${percent(row.share)}`));
    }) : note(!app.risk ? NOT_READ : "Nothing of a limit is used yet, or this run has none."));
    const table = new Table([
      { label: "Whose", text: true, value: (row) => row.name || "account" }, { label: "Limit", text: true, value: (row) => WORDS[row.rule] || row.rule },
      { label: "Used", value: (row) => ({ text: said(row.rule, row.used), title: row.used === null ? "The core counts it and tells no one; what it refuses is below." : "" }) }, { label: "At most", value: (row) => said(row.rule, row.limit) },
    ], { key: (row) => `${row.name} ${row.rule}`, label: "All limits" });
    table.set(told);
    put(others, table.node);
  }
  return {
    node, every: 10000,
    async refresh() {
      const told = await get(`/portfolios/${encodeURIComponent(app.run.run)}/charges`);
      charges.set(told.items);
      put(kinds, told.kinds === null ? note("By kind they are known when the run has ended: a contract note is rounded by the day.")
        : el("dl", {}, Object.entries(told.kinds).map(([kind, amount]) => [el("dt", {}, kind.replaceAll("_", " ")), el("dd", {}, rupees(units(amount)))])));
      this.update();
    },
    update() { limits(); refused.set(app.risk ? app.risk.refused : null); },
  };
}
const text = (amount) => `${amount < 0n ? "-" : ""}${(amount < 0n ? -amount : amount) / 10000n}.${String((amount < 0n ? -amount : amount) % 10000n).padStart(4, "0")}`;
