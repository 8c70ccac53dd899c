// Forms that ask for a key or a code. What is entered goes to the gateway alone: it is in no message and not kept.

import { $, copyButton, el, fragment, icon } from "./dom.js";
import { api, Refused } from "./net.js";

const cards = new Map(); // id → node

export function clear() {
  cards.clear();
  $("forms").replaceChildren();
}

export const isOpen = () => cards.size > 0;

// apply shows the forms that are open now.
export function apply(forms) {
  for (const [id, node] of cards) {
    if (forms.some((f) => f.id === id)) continue;
    node.remove();
    cards.delete(id);
  }
  for (const f of forms) {
    if (cards.has(f.id)) continue;
    const node = card(f);
    cards.set(f.id, node);
    $("forms").append(node);
    if (!$("text").value) (node.querySelector("input") ?? node.querySelector(".choice, a"))?.focus({ preventScroll: true }); // nobody is cut off who writes
  }
}

function card(f) {
  const say = el("p", { class: "form-error", role: "alert", hidden: true });
  const input = (!f.choices?.length || f.free) && el("input", {
    type: f.secret ? "password" : "text", name: "answer-" + f.id, autocomplete: "off", autocapitalize: "off",
    autocorrect: "off", spellcheck: "false", "data-1p-ignore": true, "data-lpignore": "true",
    "aria-label": f.field || "Answer", placeholder: f.field || "Answer",
  });
  const send = el("button", { type: "submit", class: "primary" }, "Continue");
  const cancel = el("button", { type: "button", onclick: () => answer({ cancel: true }) }, "Cancel");
  const left = el("small", { class: "form-left" });
  const node = el("form", { class: "card fresh", "aria-label": f.field || "A question" },
    el("div", { class: "prose" }, fragment(f.html)),
    f.code && el("div", { class: "form-code" }, el("code", {}, f.code), copyButton("Copy the code", () => f.code)),
    f.url && el("p", {}, el("a", { class: "choice", href: f.url, target: "_blank", rel: "noopener noreferrer" }, f.label || "Open the page", icon("open"))),
    f.choices?.length && el("div", { class: "choices" }, f.choices.map((c) =>
      el("button", { type: "button", class: "choice", onclick: () => answer({ answer: c.value }) }, c.label))),
    input && el("div", { class: "form-field" }, input, f.secret && reveal(input)),
    say,
    el("div", { class: "form-foot" },
      f.secret && el("small", {}, icon("lock"), "Goes to the gateway only, and is not kept in the chat."), left,
      el("span", { class: "form-buttons" }, cancel, input && send)));

  async function answer(body) {
    say.hidden = true;
    node.classList.add("waiting");
    try {
      await api("POST", "/forms/" + f.id, body);
      if (input) input.value = "";
    } catch (err) {
      say.textContent = err instanceof Refused ? err.message : "The gateway cannot be reached. Try again in a moment.";
      say.hidden = false;
      if (err instanceof Refused && err.status === 410) setTimeout(() => { node.remove(); cards.delete(f.id); }, 4000);
      input?.select?.();
    } finally {
      node.classList.remove("waiting");
    }
  }
  node.addEventListener("submit", (e) => { e.preventDefault(); if (input?.value.trim()) answer({ answer: input.value }); });
  if (f.expires) countdown(left, Date.now() + f.expires);
  return node;
}

function reveal(input) {
  const b = el("button", { type: "button", class: "quiet small", "aria-label": "Show what is entered", "aria-pressed": "false" }, icon("eye"));
  b.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    b.setAttribute("aria-pressed", String(hidden));
    input.focus();
  });
  return b;
}

function countdown(node, until) {
  const tick = () => {
    const s = Math.max(0, Math.round((until - Date.now()) / 1000));
    node.textContent = s > 3600 ? "" : `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")} left`;
    if (s > 0 && (node.isConnected || s > 0)) setTimeout(() => { if (node.isConnected) tick(); }, 1000);
  };
  tick();
}
