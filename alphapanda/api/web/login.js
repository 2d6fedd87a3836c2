// The page of those whom nobody knows yet.

import { logIn } from "./api.js";
import { el, put } from "./ui.js";

export function loginPage(root, done, why = "") {
  const name = el("input", { id: "name", autocomplete: "username", maxlength: 64, required: true });
  const password = el("input", { id: "password", type: "password", autocomplete: "current-password", maxlength: 256, required: true });
  const wrong = el("p", { class: "down", role: "alert" }, why);
  const button = el("button", { type: "submit", class: "main" }, "Log in");
  const form = el("form", { class: "login", onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    put(wrong);
    try {
      const user = await logIn(name.value, password.value);
      password.value = "";
      done(user);
    } catch (error) {
      put(wrong, error.message);
      button.disabled = false;
      password.select();
    }
  } }, el("h1", {}, "Alpha Panda"), el("label", { for: "name" }, "Name", name), el("label", { for: "password" }, "Password", password), button, wrong,
  window.isSecureContext ? null : el("p", { class: "loud" }, "This address is not encrypted, so the browser keeps no login: use https, or 127.0.0.1 on this machine."),
  el("p", { class: "quiet" }, "The first user: alphapanda users add NAME --role admin"));
  put(root, form);
  name.focus();
}
