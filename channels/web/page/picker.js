// The list of models above the message box. What is chosen there goes out as the command /model.

import { $, el, icon } from "./dom.js";
import { api } from "./net.js";

const box = $("picker"), chip = $("model");
let models = null, notes = [], rows = [], chosen = -1, current = "", input = null, asked = 0;

// on is filled in by main.js: send(command), name(id) of a service.
export const on = { send: () => {}, name: (id) => id };

const isOpen = () => !box.hidden;

// open lists what can be chosen; model is the one that answers now.
export async function open(model) {
  if (isOpen()) return close();
  current = model;
  input = el("input", {
    type: "text", placeholder: "Search models", "aria-label": "Search models", role: "combobox", "aria-expanded": "true",
    "aria-controls": "models", "aria-autocomplete": "list", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    oninput: draw, onkeydown: key,
  });
  box.replaceChildren(input, el("div", { id: "models", role: "listbox", "aria-label": "Models" }), el("div", { class: "picker-foot" }));
  box.hidden = false;
  chip.setAttribute("aria-expanded", "true");
  input.focus();
  draw();
  const turn = ++asked;
  try {
    const got = await api("GET", "/panel/models");
    [models, notes] = [got.models, got.notes ?? []];
  } catch {
    notes = ["The gateway cannot be reached. Try again in a moment."];
  }
  models ??= [];
  if (turn === asked && isOpen()) draw();
}

export function close(back = true) {
  if (!isOpen()) return;
  asked++;
  box.hidden = true;
  chip.setAttribute("aria-expanded", "false");
  if (back) chip.focus();
}

function draw() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (m) => words.every((w) => (m.ref + " " + (m.name ?? "")).toLowerCase().includes(w));
  const groups = new Map();
  for (const m of (models ?? []).filter(fits)) groups.set(provider(m), [...(groups.get(provider(m)) ?? []), m]);
  rows = [...groups.values()].flat();
  const list = box.querySelector("#models");
  list.replaceChildren(...[...groups].map(([name, own]) => el("div", { role: "group", "aria-label": on.name(name) },
    el("div", { class: "picker-group", "aria-hidden": "true" }, on.name(name)), own.map(row))));
  if (!models) list.append(el("p", { class: "picker-say" }, el("span", { class: "spinner" }), "Asking the services…"));
  else if (!rows.length) list.append(el("p", { class: "picker-say" }, models.length ? "No model has such a name." : "There is no model yet."));
  box.querySelector(".picker-foot").replaceChildren(...notes.map((n) => el("p", { class: "picker-say" }, icon("warn"), n)),
    el("button", { type: "button", class: "link", onclick: () => take("/login") }, "Log in to another service"));
  mark(Math.max(0, rows.findIndex((m) => m.ref === current)));
}

const provider = (m) => m.ref.slice(0, m.ref.indexOf("/"));

function row(m) {
  const id = m.ref.slice(m.ref.indexOf("/") + 1), name = m.name || id;
  const facts = [name !== id && id, m.window > 0 && size(m.window), m.sees && "sees images", m.thinks && "thinks"].filter(Boolean).join(" · ");
  return el("div", { class: "option", role: "option", "aria-selected": "false", title: m.ref, onmousedown: (e) => { e.preventDefault(); take("/model " + m.ref); } },
    el("b", {}, name), m.ref === current && [icon("check"), el("b", { class: "sr" }, "answers now")], facts && el("small", {}, facts));
}

const size = (n) => (n >= 1e6 ? +(n / 1e6).toFixed(1) + "M" : Math.round(n / 1000) + "k") + " tokens";

function mark(i) {
  const options = [...box.querySelectorAll(".option")];
  chosen = options.length ? (i + options.length) % options.length : -1;
  options.forEach((o, n) => { o.id = "model-" + n; o.setAttribute("aria-selected", String(n === chosen)); });
  if (chosen < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", "model-" + chosen);
  options[chosen].scrollIntoView({ block: "nearest" });
}

function key(e) {
  if (e.isComposing) return;
  if (e.key === "ArrowDown") mark(chosen + 1);
  else if (e.key === "ArrowUp") mark(chosen - 1);
  else if (e.key === "Enter") { if (chosen >= 0) take("/model " + rows[chosen].ref); }
  else return;
  e.preventDefault();
}

function take(command) {
  close(false);
  $("text").focus();
  on.send(command);
}

box.addEventListener("keydown", (e) => { if (e.key === "Escape") { e.stopPropagation(); close(); } });
document.addEventListener("mousedown", (e) => { if (!box.contains(e.target) && !chip.contains(e.target)) close(false); });
box.addEventListener("focusout", (e) => { if (e.relatedTarget && !box.contains(e.relatedTarget) && e.relatedTarget !== chip) close(false); });
