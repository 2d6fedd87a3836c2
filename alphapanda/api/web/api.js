// Calls of the API: JSON both ways, errors as sentences, the session's token on what writes.

const V1 = "/api/v1";
let csrf = null;
let killed = false;
let onLoggedOut = () => {};

export class ApiError extends Error {
  constructor(status, message, fields = []) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}
export function whenLoggedOut(call) { onLoggedOut = call; }
// Whether the base folder's KILL lay there when the limits were last read.
export const killFile = () => killed;
export function keepToken(token) { csrf = token; }

async function call(method, path, body, headers = {}) {
  const given = { ...headers, Accept: "application/json" };
  if (body !== undefined) given["Content-Type"] = "application/json";
  if (csrf !== null && method !== "GET") given["X-CSRF-Token"] = csrf;
  let answer;
  try {
    answer = await fetch(V1 + path, {
      method, headers: given, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(10000),
    });
  } catch {
    throw new ApiError(0, "the API does not answer");
  }
  const file = answer.headers.get("X-Kill-File");
  if (file !== null) killed = file === "true";
  const text = await answer.text();
  let told = null;
  try { told = text ? JSON.parse(text) : null; } catch { told = null; }
  if (answer.ok) return told;
  if (answer.status === 401 && !path.startsWith("/auth/")) onLoggedOut();
  const error = told && told.error ? told.error : {};
  const fields = (told && told.fields) || error.fields || [];
  const wait = answer.headers.get("Retry-After");
  const message = String(error.message || `the API answers with status ${answer.status}`)
    + fields.slice(0, 5).map((each) => `; ${each.where}: ${each.why}`).join("")
    + (wait && answer.status === 429 ? ` (again in ${wait} s)` : "");
  throw new ApiError(answer.status, message, fields);
}

export const get = (path) => call("GET", path);
export const post = (path, body, headers) => call("POST", path, body, headers);
export const put = (path, body) => call("PUT", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);
export const query = (values) => {
  const made = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return made.size ? `?${made}` : "";
};
// A command, which a click that is repeated by the network gives only once.
export const command = (body) => post("/commands", body, { "Idempotency-Key": crypto.randomUUID() });

export async function logIn(name, password) {
  const told = await post("/auth/login", { name, password });
  keepToken(told.csrf);
  return told.user;
}
export async function whoAmI() {
  const told = await get("/auth/me");
  keepToken(told.csrf);
  return told.user;
}
