// The page: who is there, which run is looked at, which of the seven pages is shown.

import { accountPage } from "./account.js";
import { ApiError, get, keepToken, killFile, post, query, whenLoggedOut, whoAmI } from "./api.js";
import { dayPage } from "./day.js";
import { healthPage } from "./health.js";
import { Live } from "./live.js";
import { loginPage } from "./login.js";
import { logsPage } from "./logs.js";
import { clock, moment, rupees, span, toneOf, units, UNKNOWN } from "./numbers.js";
import { nowPage } from "./now.js";
import { ordersPage } from "./orders.js";
import { NOTHING_KNOWN, totalPnl } from "./pnl.js";
import { riskPage } from "./risk.js";
import { stopBar, whenGiven } from "./stop.js";
import { strategiesPage } from "./strategies.js";
import { attempt, el, put, say } from "./ui.js";

const OF_NO_RUN = ["health", "logs", "account"];
const PAGES = [["now", "Now", nowPage, "n"], ["orders", "Orders", ordersPage, "o"], ["strategies", "Strategies", strategiesPage, "s"],
  ["risk", "Risk", riskPage, "r"], ["health", "Health", healthPage, "h"], ["logs", "Logs", logsPage, "l"], ["day", "Day", dayPage, "d"], ["account", "Account", accountPage, "a"]];
const WORKING = ["submitted", "unknown", "open", "triggered"], ALIVE = ["running"];
const RISK_MS = 9500, THE_PAGE = "what this page asks for";
const root = document.getElementById("app");

class App {
  constructor(user) {
    this.user = user;
    this.live = new Live();
    this.runs = null;  // not known yet
    this.selected = "";
    this.run = null;
    this.chosen = "";
    this.instruments = [];
    this.feed = null;
    this.risk = null;
    this.riskAt = 0;
    this.killFile = false;
    this.dip = null;
    this.low = null;
    this.kept = null;
    this.page = null;
    this.unread = new Map();
    this.begins = false;
    this.timers = [];
  }
  may(scope) { return this.user.scopes.includes(scope); }
  running() { return this.run !== null && this.run.standing === "running"; }
  // The market's own time: a replay trades a day of the past.
  now() { return Math.max(0, ...[...this.live.ticks.values()].map((tick) => Number(tick.ts) || 0)) || null; }
  // Whether anything but a kill may be asked of the run by what is shown of it.
  // What is booked comes now and then: what was seen here between two of them counts too.
  worst() { return this.dip === null || this.low === null || this.dip <= this.low ? this.dip : this.low; }
  acts() { return this.running() && !this.live.mute; }
  onBoard() { return this.run !== null && this.live.knows(this.run.run); }
  // What the run holds has come: with the board, or from the tables where no board shows the run any more.
  known() { return this.onBoard() || this.kept !== null; }
  positions() {
    if (!this.onBoard()) return this.kept ? this.kept.positions : [];
    return [...this.live.part(this.run.run, "positions").values()];
  }
  working() {
    if (!this.onBoard()) return this.kept ? this.kept.orders : [];
    return [...this.live.part(this.run.run, "orders").values()].filter((row) => WORKING.includes(row.status));
  }
  // While a run trades, by the newest prices; when it is over, as the core has booked it last.
  sums(strategy = null) {
    if (!this.known()) return NOTHING_KNOWN;
    const mine = (rows) => (strategy === null ? rows : rows.filter((row) => row.strategy === strategy));
    const sums = totalPnl(mine(this.positions()), (name) => this.live.tick(name));
    const booked = mine(this.onBoard() ? [...this.live.part(this.run.run, "pnl").values()] : this.kept.folios.filter((row) => row.pnl !== null));
    if (this.running() || !booked.length) return sums;
    const total = (name) => booked.reduce((sum, row) => sum + units(row[name]), 0n);
    return { ...sums, realised: total("realised"), unrealised: total("unrealised"), charges: total("charges"), net: total("pnl"), missing: [] };
  }
  // What stands still of the run: pauses and kills that nobody has lifted.
  stopped() { return this.risk && this.risk.stopped ? this.risk.stopped : []; }
  paused() { return this.stopped().some((each) => each.scope === "account" && ["pause", "flatten"].includes(each.verb)); }
  // How many signals were refused, and of how many; null where it is not known.
  refusals() {
    if (this.onBoard()) {
      const stages = this.live.part(this.run.run, "stages"), value = (name) => (stages.get(name) || { count: 0 }).count;
      return [value("rejected_signal"), value("trading_signal")];
    }
    return [this.risk ? this.risk.refused.reduce((sum, row) => sum + row.count, 0) : null, null];
  }
  lossLeft() {
    const rows = this.risk && this.risk.limits ? this.risk.limits.filter((each) => each.rule === "loss" && each.used !== null) : [];
    if (!rows.length) return { left: null, share: null, tone: "", why: this.risk ? "no loss limit, or nothing was booked" : "not read yet" };
    const row = rows.reduce((a, b) => (Number(b.share || 0) > Number(a.share || 0) ? b : a)), used = units(row.used) ?? 0n, limit = units(row.limit);
    const share = Number(row.share || 0);
    return { left: limit - (used > 0n ? used : 0n), share, tone: share > 0.8 ? "down" : share > 0.5 ? "warn" : "", why: `of ${row.name || "the account"}: ${rupees(limit)}` };
  }

  async start() {
    const parts = ["run", "session", "feed", "market", "status", "dip"].map((name) => [name, el("span", { id: `fact-${name}` })]);
    this.facts = Object.fromEntries(parts);
    this.badge = el("span", { class: "badge" });
    this.total = el("span", { class: "big", id: "net", "data-base": "big", "aria-label": "net P&L" });
    this.chooser = el("select", { id: "run", "aria-label": "Run", onchange: () => this.choose(this.chooser.value) });
    this.banner = el("div", { class: "banner", "data-base": "banner", role: "alert", id: "banner", hidden: true });
    this.trouble = el("div", { class: "trouble", "data-base": "trouble", role: "status", id: "trouble", hidden: true });
    this.links = PAGES.map(([name, label, , key]) => el("a", { href: `#/${name}`, title: `g ${key}` }, label));
    this.stops = stopBar({
      run: () => this.run && this.run.run, open: () => this.sums().open, paused: () => this.paused(), mute: () => this.live.mute,
      running: () => this.running(), unknown: () => this.runs === null, may: (scope) => this.may(scope),
    });
    this.body = el("main", { id: "main" });
    put(root, el("header", {}, this.banner,
      el("div", { class: "top" }, this.badge, this.total, el("div", { class: "facts" }, parts.map(([, node]) => node)),
        this.chooser, this.stops.node,
        el("button", { type: "button", class: "small", id: "theme", title: "Dark or light", onclick: turnTheme }, "◐"),
        el("button", { type: "button", class: "small", id: "logout", title: `${this.user.name}, ${this.user.role}`, onclick: () => this.logOut() }, "Log out")),
      el("nav", { "aria-label": "Pages" }, this.links), this.trouble), this.body,
    el("footer", {}, "Times are Indian. Charts by ", el("a", { href: "https://www.tradingview.com/", rel: "noreferrer noopener", target: "_blank" }, "TradingView Lightweight Charts™"), ", © TradingView, Inc., Apache License 2.0. Keys: g and n o s r h l d a for pages, / for the filter."));
    window.addEventListener("hashchange", () => this.show());
    document.addEventListener("keydown", keys);
    this.live.on(() => this.update());
    this.live.hello = () => this.soon();
    this.live.news = (data) => { if (data.type === "command" || data.kind === "trading_stopped") this.soon(); };
    whenGiven(() => this.soon());
    // A page that can't read its runs yet is there all the same: it can still kill.
    const runs = () => this.reading("the runs", () => this.readRuns());
    await runs();
    this.live.begin();
    this.timers.push(setInterval(runs, 5000));
    await this.show();
  }
  stop() {
    this.timers.forEach(clearInterval);
    clearInterval(this.live.timer);
    this.live.begun = false;
    this.live.close();
    if (this.refresher) clearInterval(this.refresher);
    clearTimeout(this.due);
  }
  async logOut() {
    await attempt(() => post("/auth/logout"));
    location.reload();
  }

  // Does what reads, and keeps what could not be read: the page says so until it was read.
  async reading(what, work) {
    try {
      await work();
      this.unread.delete(what);
    } catch (error) {
      if (error.status === 401) return;  // it ends at the login
      if (!(error instanceof ApiError)) console.error(error);
      this.unread.set(what, error.message);
    }
    this.tellUnread();
  }
  tellUnread() {
    this.trouble.hidden = !this.unread.size;
    say(this.trouble, [...this.unread].map(([what, why]) => `Not all is shown: ${what} could not be read (${why}). It is tried again.`).join(" "));
  }

  soon() {
    this.riskAt = 0;
    clearTimeout(this.due);
    this.due = setTimeout(() => { if (this.refresh) this.refresh(); }, 300);
  }
  async readRuns() {
    const told = await get("/runs" + query({ limit: 50 }));
    this.runs = told.items;
    if (!this.runs.length) await this.readBegins();
    const trading = this.runs.filter((run) => run.standing && ALIVE.includes(run.standing));
    const known = this.runs.find((run) => run.run === this.chosen);
    const next = known || trading[0] || this.runs.find((run) => run.mode !== "backtest") || this.runs[0] || null;
    const label = (run) => `${run.run} · ${run.mode} · ${run.standing || run.status}`;
    const options = this.runs.map(label).join();
    if (this.options !== options) {
      this.options = options;
      put(this.chooser, this.runs.map((run) => el("option", { value: run.run }, label(run))));
    }
    const first = this.run === null && next !== null;
    if (next && this.run && this.run.run === next.run) this.run = next;
    try {
      if (next && this.selected !== next.run) await this.select(next);
    } finally {
      if (next) this.chooser.value = next.run;
      this.chooser.hidden = this.runs.length < 2;
      this.update();
    }
    if (first && this.page) await this.show();  // it was shown without a run
  }
  // Whether a process is there that trades, and whose run has not come: its strategies are compiled first.
  async readBegins() {
    const told = await get("/services"), before = this.begins;
    this.begins = told.items.some((each) => each.state === "ok" && each.role.split("+").includes("trade"));
    if (this.begins !== before && this.page) await this.show();
  }
  async choose(name) {
    this.chosen = name;
    const run = (this.runs || []).find((each) => each.run === name);
    if (run) await attempt(() => this.select(run));
    await this.show();
  }
  async select(run) {
    if (!this.run || this.run.run !== run.run) Object.assign(this, { run, risk: null, dip: null, low: null, kept: null, selected: "" });
    const told = await get(`/runs/${encodeURIComponent(run.run)}`);
    this.instruments = (told.manifest.market && told.manifest.market.names) || [];
    this.feed = told.manifest.feed ?? null;
    this.selected = run.run;
    this.watch();
    this.riskAt = 0;
    try { await this.readRisk(); } catch { /* the page that is shown asks again, and says why it can't */ }
  }
  // Asks for prices: of what is held first, where a run has more instruments than may be watched.
  watch() {
    if (!this.run) return;
    const held = this.positions().filter((row) => row.quantity !== 0).map((row) => row.instrument);
    this.live.select(this.run.run, this.feed, new Set([...held.sort(), ...this.instruments]));
  }
  // Limits and stops are asked for now and then, and soon after anything that may have changed them.
  async readRisk() {
    if (!this.run || (this.risk && Date.now() - this.riskAt < RISK_MS)) return;
    this.riskAt = Date.now();
    const { run, ended_ns: over } = this.run, path = `/portfolios/${encodeURIComponent(run)}`;
    const [risk, curve] = await Promise.all([get("/risk" + query({ run })), get(`${path}/pnl`)]);
    const asks = !this.onBoard() && !this.running() && !(over && this.kept);
    const [positions, folios, orders] = asks ? await Promise.all([get(`${path}/positions`), get("/portfolios" + query({ limit: 50 })), get("/orders" + query({ run, status: "working", limit: 100 }))]) : [];
    if (!this.run || this.run.run !== run) return;  // another one was chosen meanwhile
    this.risk = risk.items.find((each) => each.run === run) || null;
    this.killFile = killFile();
    this.dip = units(curve.lowest);
    if (this.instruments.length > this.live.names.size && this.live.source) this.watch();
    if (asks) this.kept = { positions: positions.items, folios: folios.items.filter((row) => row.run === run), orders: orders.items.map((row) => ({ ...row, order_id: row.order })) };
  }

  go(page, values = {}) { location.hash = `#/${page}${query(values)}`; }
  values() { return Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] || "")); }
  async show() {
    const name = (location.hash.split("?")[0] || "#/now").slice(2) || "now";
    const [, label, make] = PAGES.find((each) => each[0] === name) || PAGES[0];
    clearInterval(this.refresher);
    delete this.body.dataset.shown;
    const hash = location.hash;
    this.page = make(this, this.values());
    put(this.body, this.run || OF_NO_RUN.includes(name) ? this.page.node : this.runs === null ? unknownPage() : emptyPage(this.begins));
    document.title = `${label} · Alpha Panda`;
    this.links.forEach((link, index) => (PAGES[index][1] === label ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
    const page = this.page;
    this.unread.delete(THE_PAGE);
    this.tellUnread();
    const refresh = async () => {
      if (document.hidden || (!this.run && !page.always)) return;
      await this.reading(THE_PAGE, async () => {
        try { await this.readRisk(); await page.refresh(); } catch (error) { if (this.page === page) throw error; }
      });
    };
    this.refresh = refresh;
    this.refresher = setInterval(refresh, page.every || 10000);
    await refresh();
    this.update();
    if (this.page === page) this.body.dataset.shown = hash;  // all that it asks for has come
  }

  update() {
    const { run, live } = this;
    this.banner.hidden = !live.mute;
    if (live.mute) say(this.banner, `Not live since ${clock(live.lost * 1e6)}: what you see is old${this.running() ? ", and only Kill works" : ""}.`);
    document.body.classList.toggle("mute", live.mute);
    const open = [...live.alerts.values()].filter((row) => row.state === "open").length;
    put(this.links[4], "Health", open ? el("b", { title: `${open} open alerts` }, String(open)) : null);
    this.stops.update();
    if (!run) { say(this.total, UNKNOWN); return; }
    const isLive = run.mode === "live";
    this.badge.className = `badge ${isLive ? "live" : run.mode === "paper" ? "paper" : ""}`;
    this.badge.textContent = isLive ? "LIVE" : run.mode.toUpperCase();
    const sums = this.sums();
    say(this.total, rupees(sums.net, { sign: true }), toneOf(sums.net), sums.net === null ? (sums.missing.length ? `no price of ${sums.missing.join(", ")} yet` : "the run's board has not come") : "net P&L: realised + unrealised − charges");
    say(this.facts.run, `${run.account} · ${run.run}`);
    const at = this.now(), came = [...live.ticks.values()].map((tick) => tick.came).filter((each) => each !== null);
    const age = came.length ? (performance.now() - Math.max(...came)) / 1000 : null;
    say(this.facts.session, at ? sessionOf(at) : "no row yet");
    say(this.facts.feed, this.running() ? `feed ${age === null ? "has not moved yet" : `${span(age)} ago`}` : "feed over", this.running() && age !== null && age > 5 ? "warn" : "");
    say(this.facts.market, at ? moment(at) : "");
    const standing = run.standing || run.status;
    say(this.facts.status, `run ${standing}`, standing === "running" || standing === "ended" ? "" : "warn");
    if (this.running() && sums.net !== null && (this.low === null || sums.net < this.low)) this.low = sums.net;
    const worst = this.worst();
    say(this.facts.dip, `worst ${rupees(worst)}`, toneOf(worst), "the lowest net P&L of all strategies together, as it was booked or seen here");
    if (this.page) this.page.update();
  }
}

// Phases of trading in shares, by the market's own time; the calendar's word is the server's.
function sessionOf(ns) {
  const minute = Math.floor(((Number(ns) / 1e9 + 19800) % 86400) / 60);
  if (minute < 540) return "closed";
  if (minute < 555) return "pre-open";
  return minute < 930 ? `open, ${span((930 - minute) * 60)} to the close` : "closed";
}
function unknownPage() {
  return el("div", { class: "card", id: "unknown" }, el("h3", {}, "Your runs are not known"), el("p", {}, "They could not be read; the page tries again each 5 s. Kill stops all of them."));
}
function emptyPage(begins) {
  if (begins) return el("div", { class: "card", id: "begins" }, el("h3", {}, "A run is about to begin"), el("p", {}, "A process that trades is up. Its strategies are compiled first, which takes half a minute or more the first time; the run appears here by itself."));
  return el("div", { class: "card", id: "empty" }, el("h3", {}, "No run yet"), el("p", {}, "Start one in a terminal, in this base folder, and it appears here:"), el("p", {}, el("code", {}, "alphapanda paper STRATEGY --feed replay:PATH")));
}
function turnTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches, now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  setTheme(now === "dark" ? "light" : "dark");
}
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* a browser that keeps nothing */ }
}
let afterG = 0;
function keys(event) {
  if (event.target.closest("input, select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { const found = document.querySelector("#filter"); if (found) { event.preventDefault(); found.focus(); } return; }
  if (event.key === "g") { afterG = Date.now(); return; }
  const page = PAGES.find((each) => each[3] === event.key);
  if (page && Date.now() - afterG < 1500) location.hash = `#/${page[0]}`;
  afterG = 0;
}

let app = null;
function logIn(why = "") {
  if (app) app.stop();
  app = null;
  keepToken(null);
  loginPage(root, (user) => begin(user), why);
}
async function begin(user) {
  app = new App(user);
  try { await app.start(); } catch (error) { put(root, el("div", { class: "card" }, el("h3", {}, "The page can't begin"), el("p", {}, error.message), el("button", { type: "button", onclick: () => location.reload() }, "Again"))); }
}
whenLoggedOut(() => { if (app) logIn("You were logged out."); });
try { const kept = localStorage.getItem("theme"); if (kept) document.documentElement.dataset.theme = kept; } catch { /* a browser that keeps nothing */ }
whoAmI().then(begin, (error) => logIn(error.status === 401 ? "" : error.message));
