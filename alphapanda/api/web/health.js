// Is everything well: parts, processes, the pipeline's equation, lag, latency, alerts.

import { get, post } from "./api.js";
import { alertLine } from "./now.js";
import { UNKNOWN, bytes, clock, count, moment, percent, span } from "./numbers.js";
import { Table, attempt, el, keep, put, section, toast } from "./ui.js";

const TONES = { ok: "up", degraded: "warn", late: "warn", down: "down", gone: "down", unknown: "warn", off: "stale" };
const SIGNS = { ok: "✓", degraded: "!", late: "!", down: "✕", gone: "✕", unknown: "?", off: "·" };
const state = (value) => ({ text: `${SIGNS[value] || "?"} ${value}`, tone: TONES[value] || "" });

export function healthPage(app) {
  const alerts = el("div", {}), wrong = el("div", { id: "impossible" });
  const parts = new Table([
    { label: "Part", text: true, value: (row) => row.part }, { label: "State", text: true, value: (row) => state(row.state) },
    { label: "What is so", text: true, long: true, value: (row) => row.text || "" }, { label: "Looked", value: (row) => (row.looked_ns ? clock(row.looked_ns) : UNKNOWN) },
    { label: "Took", value: (row) => (row.looked_ns ? `${row.took_ms.toFixed(1)} ms` : UNKNOWN), phone: false }, { label: "Must", text: true, value: (row) => (row.must ? "yes" : ""), phone: false },
  ], { key: (row) => row.part, label: "Parts", empty: "Nobody looks: there is no monitor." });
  let codes = new Set();
  const processes = new Table([
    { label: "Process", text: true, value: (row) => `${row.role} ${row.pid}` }, { label: "State", text: true, value: (row) => state(row.state) }, { label: "Beat", value: (row) => `${span(row.age_s)} ago` },
    { label: "CPU", value: (row) => (row.cpu === null ? UNKNOWN : percent(row.cpu, 0)) }, { label: "Memory", value: (row) => bytes(row.rss_bytes) }, { label: "Loop lag", value: (row) => `${(row.loop_lag_s * 1000).toFixed(0)} ms` },
    { label: "Files", value: (row) => count(row.fds), phone: false }, { label: "Disk free", value: (row) => bytes(row.disks.runs) },
    { label: "Code", text: true, value: (row) => ({ text: row.code.slice(0, 8), tone: codes.size > 1 ? "down" : "", title: codes.size > 1 ? "Processes of different code: start them all anew." : row.code }) },
    { label: "Up since", value: (row) => moment(row.started_ns), phone: false }, { label: "Its parts", text: true, long: true, value: (row) => Object.entries(row.parts).map(([name, text]) => `${name}: ${text}`).join("; ") },
  ], { key: (row) => row.id, label: "Processes", empty: "No process beats." });
  const runs = new Table([
    { label: "Run", text: true, value: (row) => row.run }, { label: "Equation", text: true, value: (row) => ({ text: `${count(row.raw)} raw = ${count(row.validated)} validated + ${count(row.rejected)} rejected + ${count(row.pending)} pending`, tone: row.raw === row.validated + row.rejected + row.pending ? "up" : "down" }) },
    { label: "Event", value: (row) => count(row.seq) }, { label: "Status", text: true, value: (row) => row.status },
    { label: "What can't be", text: true, long: true, value: (row) => ({ text: row.impossible.join("; ") || "nothing", tone: row.impossible.length ? "down" : "" }) },
  ], { key: (row) => row.run, label: "Pipeline", empty: "No run is in the tables." });
  const latency = new Table([
    { label: "Step", text: true, value: (row) => row.step }, ...["p50", "p95", "p99"].map((name) => ({ label: name, value: (row) => (row[name] === null || row[name] === undefined ? { text: UNKNOWN, title: "Nobody has measured it." } : `${(row[name] * 1000).toFixed(2)} ms`) })),
  ], { key: (row) => row.step, label: "Latency", empty: "Nobody has measured it." });
  const lag = new Table([
    { label: "Topic", text: true, value: (row) => row.topic }, { label: "Partition", value: (row) => count(row.partition) }, { label: "Waiting", value: (row) => ({ text: count(row.waiting), tone: row.waiting > 0 ? "warn" : "" }) },
    { label: "Begins", value: (row) => count(row.begin), phone: false }, { label: "Ends", value: (row) => count(row.end), phone: false }, { label: "Taken up to", value: (row) => (row.committed < 0 ? "nothing yet" : count(row.committed)) },
  ], { key: (row) => `${row.topic} ${row.partition}`, label: "Lag", empty: "Nothing waits on the bus.", most: 50 });
  const letters = new Table([
    { label: "Of topic", text: true, value: (row) => row.topic }, { label: "When", value: (row) => moment(row.ts_ms * 1e6) }, { label: "Bytes", value: (row) => count(row.size) },
    { label: "Why", text: true, long: true, value: (row) => row.reason },
    { label: "", off: () => app.live.mute, node: (row) => el("button", { type: "button", class: "small", hidden: !app.may("admin"), title: "Sends it to its topic again.", onclick: () => attempt(() => post(`/monitoring/letters/${row().id}/return`), "sent again") }, "Return") },
  ], { key: (row) => row.id, label: "Dead letters", empty: "No dead letters." });
  const bus = el("div", {}, section("Lag on the bus", lag.node), section("Dead letters", letters.node));
  const test = el("button", { type: "button", class: "small", id: "test-alert", hidden: !app.may("admin"), title: "Sends a message by every channel that is set.", onclick: testAlerts }, "Test the alerts");
  const node = el("div", {}, el("div", { class: "bar" }, test), alerts, wrong, section("Parts", parts.node), section("Processes", processes.node), section("Pipeline", runs.node), section("Latency", latency.node), bus);
  let turn = 0;

  const rows = (told) => (told && told.parts ? Object.entries(told.parts).map(([part, each]) => ({ part, ...each })) : []);
  async function refresh() {
    const [services, pipeline, steps, waiting] = await Promise.all([get("/services"), get("/monitoring/pipeline"), get("/monitoring/latency"), get("/monitoring/lag").catch(() => null)]);
    bus.hidden = waiting !== null && !waiting.enabled;
    lag.none(waiting === null ? "It is not known: the bus does not answer." : "Nothing waits on the bus.");
    lag.set(waiting === null ? [] : waiting.items.filter((row) => row.waiting > 0));
    if (!bus.hidden && turn++ % 6 === 0) await readLetters();
    codes = new Set(services.items.filter((each) => each.state !== "gone").map((each) => each.code));
    processes.set(services.items);
    runs.set(pipeline.items);
    latency.set(Object.entries(steps).filter(([, each]) => each && typeof each === "object").map(([step, each]) => ({ step, ...each })));
    update();
  }
  async function readLetters() {
    try {
      letters.set((await get("/monitoring/letters?limit=50")).items);
      letters.none("No dead letters.");
    } catch (error) { letters.set(letters.given || []); letters.none(`They are not known: ${error.message}.`); }
  }
  async function testAlerts() {
    const told = await attempt(() => post("/alerts/test"));
    if (told) toast(Object.entries(told.channels).map(([name, came]) => `${name}: ${came}`).join("\n") || "No channel is set.");
  }
  function update() {
    parts.set(app.live.health === null ? null : rows(app.live.health));
    const bad = Object.values((app.live.pipeline && app.live.pipeline.more) || {}).filter((each) => each.impossible && each.impossible.length);
    put(wrong, bad.map((each) => el("div", { class: "loud" }, el("p", {}, el("b", {}, `${each.run_id}: `), each.impossible.join("; ")))));
    const rows_ = [...app.live.alerts.values()].sort((a, b) => b.last_ns - a.last_ns).slice(0, 20);
    keep(alerts, [app.live.mute, rows_], () => rows_.map((row) => alertLine(app, row)));
  }
  return { node, refresh, update, every: 10000, always: true };
}
