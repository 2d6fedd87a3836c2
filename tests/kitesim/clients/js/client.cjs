// A day with the official JavaScript client and its ticker; prints what it saw as JSON.
// Its argument: the simulator's ready line.
"use strict";
const { KiteConnect, KiteTicker } = require("kiteconnect");

const SIM = JSON.parse(process.argv[2]);
const TOKENS = [408065, 256265, 412675];
const PATIENCE_MS = 60000;
const seen = {};

const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function waitFor(condition) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`nothing came: ${condition}`);
    await nap(10);
  }
}

const step = (rows) =>
  fetch(`${SIM.rest}/_sim/step`, { method: "POST", body: new URLSearchParams({ rows }) });

async function logIn() {
  const body = new URLSearchParams({ user_id: SIM.user_id, totp: "000000" });
  const answer = await fetch(SIM.login, { method: "POST", body, redirect: "manual" });
  const token = new URL(answer.headers.get("location")).searchParams.get("request_token");
  const kite = new KiteConnect({ api_key: SIM.api_key, root: SIM.rest });
  const session = await kite.generateSession(token, SIM.api_secret);
  kite.setAccessToken(session.access_token);
  seen.user = session.user_id;
  return { kite, token: session.access_token };
}

async function listen(token, ticks, updates) {
  const ticker = new KiteTicker({ api_key: SIM.api_key, access_token: token, root: SIM.ws });
  ticker.autoReconnect(false);
  ticker.on("ticks", (found) => ticks.push(...found));
  ticker.on("order_update", (update) => updates.push(update));
  const opened = new Promise((resolve) => ticker.on("connect", resolve));
  ticker.connect();
  await opened;
  for (const [n, mode] of ["ltp", "quote", "full"].entries()) {
    ticks.length = 0;
    ticker.subscribe(TOKENS);
    ticker.setMode(mode, TOKENS);
    const ofMode = () => ticks.filter((tick) => tick.mode === mode);
    await waitFor(() => new Set(ofMode().map((tick) => tick.instrument_token)).size === 3);
    await step(3);
    const due = [1500 + n * 0.05, 26000 + n, 90 + n * 0.0025];
    const came = (price, at) =>
      ofMode().some((t) => t.instrument_token === TOKENS[at] && t.last_price === price);
    await waitFor(() => due.every(came));
    seen[`ticks ${mode}`] = Object.fromEntries(
      ofMode().map((tick) => [tick.instrument_token, { last: tick.last_price }]),
    );
  }
  await step(3);
  return ticker;
}

async function trade(kite, updates) {
  const order = { exchange: "NSE", tradingsymbol: "INFY", product: "CNC", transaction_type: "BUY" };
  const last = async (id) => (await kite.getOrderHistory(id)).at(-1);
  const bought = await kite.placeOrder("regular", {
    ...order, quantity: 25, order_type: "MARKET", market_protection: -1, tag: "mine",
  });
  await waitFor(async () => (await last(bought.order_id)).filled_quantity === 10);
  await step(6);
  await waitFor(async () => (await last(bought.order_id)).status === "COMPLETE");
  const row = (await kite.getOrders()).find((found) => found.order_id === bought.order_id);
  seen.bought = [row.status, row.filled_quantity];
  seen.fills = (await kite.getOrderTrades(bought.order_id)).map((fill) => fill.quantity);
  const resting = await kite.placeOrder("regular", {
    ...order, quantity: 5, order_type: "LIMIT", price: 1490,
  });
  await waitFor(async () => (await last(resting.order_id)).status === "OPEN");
  await kite.modifyOrder("regular", resting.order_id, { price: 1491.05, quantity: 6 });
  await waitFor(async () => {
    const found = await last(resting.order_id);
    return found.status === "OPEN" && found.price === 1491.05;
  });
  await kite.cancelOrder("regular", resting.order_id);
  await waitFor(async () => (await last(resting.order_id)).status === "CANCELLED");
  seen.life = (await kite.getOrderHistory(resting.order_id)).map((found) => found.status);
  await kite
    .placeOrder("regular", { ...order, quantity: 1, order_type: "MARKET" })
    .catch((error) => (seen.refused = error.error_type));
  await waitFor(() => updates.some((update) => update.status === "CANCELLED"));
  const mine = updates.filter((update) => update.order_id === bought.order_id);
  seen.updates = mine.map((update) => update.status);
  seen.postback = kite.validatePostback(mine.at(-1), SIM.api_secret);
}

async function main() {
  const { kite, token } = await logIn();
  seen.dump = (await kite.getInstruments()).length;
  seen.quote = Object.keys(await kite.getQuote(["NSE:INFY"]));
  const ticks = [];
  const updates = [];
  const ticker = await listen(token, ticks, updates);
  await trade(kite, updates);
  seen.position = (await kite.getPositions()).net[0].quantity;
  seen.funds = (await kite.getMargins("equity")).enabled;
  const from = "2025-12-29 09:15:00";
  seen.candles = (
    await kite.getHistoricalData(TOKENS[0], "minute", from, "2025-12-29 15:30:00")
  )[0].open;
  const gtt = await kite.placeGTT({
    trigger_type: "single", tradingsymbol: "INFY", exchange: "NSE", trigger_values: [1450],
    last_price: 1500,
    orders: [{ transaction_type: "SELL", quantity: 5, product: "CNC", order_type: "LIMIT",
      price: 1450 }],
  });
  seen.gtt = (await kite.getGTT(gtt.trigger_id)).status;
  ticker.disconnect();
  await kite.invalidateAccessToken(token);
  await kite.getProfile().catch((error) => (seen.out = error.error_type));
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
