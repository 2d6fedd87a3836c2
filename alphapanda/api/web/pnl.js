// The one formula of live P&L. Every page takes its numbers from here, and from nowhere else.

import { units } from "./numbers.js";

// The price of a tick or of a bar; null if it has none.
export const priceOf = (tick) => (tick ? units(tick.last ?? tick.close) : null);

// A position at a price: what it is worth above its cost, and that net of all charges.
// `net = realised + (quantity x price - cost) - charges`; without a price an open one is unknown.
export function positionPnl(row, tick) {
  const quantity = BigInt(row.quantity), cost = units(row.cost), last = priceOf(tick);
  const realised = units(row.realised), charges = units(row.charges);
  const unrealised = quantity === 0n ? 0n : last === null ? null : quantity * last - cost;
  const net = unrealised === null ? null : realised + unrealised - charges;
  const value = quantity === 0n ? 0n : last === null ? null : quantity * last;
  return { quantity, cost, last, realised, charges, unrealised, net, value };
}

// Where nothing is known: no sum is nought.
export const NOTHING_KNOWN = Object.freeze({ realised: null, charges: null, unrealised: null, net: null, gross: null, exposure: null, open: null, missing: [] });

// The sums of positions; one unknown makes the sum unknown, never smaller.
export function totalPnl(rows, tickOf) {
  const sum = { realised: 0n, charges: 0n, unrealised: 0n, net: 0n, gross: 0n, exposure: 0n, open: 0, missing: [] };
  for (const row of rows) {
    const one = positionPnl(row, tickOf(row.instrument));
    sum.realised += one.realised;
    sum.charges += one.charges;
    if (one.quantity !== 0n) sum.open += 1;
    if (one.unrealised === null) { sum.missing.push(row.instrument); continue; }
    sum.unrealised += one.unrealised;
    sum.net += one.net;
    sum.gross += one.value < 0n ? -one.value : one.value;
    sum.exposure += one.value;
  }
  if (sum.missing.length) Object.assign(sum, { unrealised: null, net: null, gross: null, exposure: null });
  return sum;
}
