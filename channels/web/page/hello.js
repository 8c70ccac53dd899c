// What an empty conversation says: what to do first, then what can be done.

import { el, icon } from "./dom.js";

const known = [
  ["anthropic", "Anthropic", "Claude"],
  ["openai", "OpenAI", "GPT"],
  ["google", "Google", "Gemini"],
  ["openrouter", "OpenRouter", "many models, one key"],
];

let sign = "";

// draw shows the greeting. send sends a command, write puts a text into the box,
// services lists all services.
export function draw(node, { state, model, send, write, services }) {
  const next = JSON.stringify([!!state, model, state?.local, state?.providers?.map((p) => [p.id, p.configured, p.state])]);
  if (next === sign && node.childElementCount) return;
  sign = next;
  const ready = model || state?.providers?.some((p) => p.configured && p.source !== "none needed"); // what needs no key may not be running
  node.replaceChildren(...(state && !ready ? first(state, send, services) : begin(model, send, write)));
}

// first: nobody is logged in to any service.
function first(state, send, services) {
  const local = state.local ?? [];
  const there = new Set((state.providers ?? []).map((p) => p.id));
  const offers = known.filter(([id]) => there.size === 0 || there.has(id));
  return [
    el("div", { class: "mark-big" }, icon("gate")),
    el("h2", {}, "Connect a model to begin"),
    el("p", {}, "The gateway passes what you write to a language model. Choose a service that you have an account or a key for. Keys are kept on this computer and never appear in the chat."),
    el("div", { class: "offers" },
      local.map((l) => offer(`Use ${l.name}`, `on this computer, no key${l.models > 0 ? `, ${l.models} model${l.models > 1 ? "s" : ""}` : ""}`, () => send("/model " + l.provider), true)),
      offers.map(([id, name, what]) => offer(name, what, () => send("/login " + id)))),
    el("button", { type: "button", class: "link", onclick: (e) => services(e.currentTarget) }, "All services"),
  ];
}

// begin: a model answers.
function begin(model, send, write) {
  const hour = new Date().getHours();
  return [
    el("div", { class: "mark-big" }, icon("gate")),
    el("h2", {}, hour < 5 ? "Good evening" : hour < 12 ? "Good morning" : hour < 18 ? "Good afternoon" : "Good evening"),
    el("p", {}, model ? ["You write with ", el("b", {}, model.slice(model.indexOf("/") + 1)), "."] : "Write a message to begin."),
    el("div", { class: "offers" },
      offer("Explain something", "Step by step", () => write("Explain to me, step by step, ")),
      offer("Write something", "A letter, a plan, a text", () => write("Write ")),
      offer("Choose a model", "/model", () => send("/model")),
      offer("What can I do here?", "/help", () => send("/help"))),
  ];
}

function offer(title, what, act, strong = false) {
  return el("button", { type: "button", class: "offer" + (strong ? " strong" : ""), onclick: act }, el("b", {}, title), el("span", {}, what));
}
