// The side panel: what the gateway is doing, and which browsers were let in.

import { $, away, clock, dialog, el, icon, setIcon, toast } from "./dom.js";
import { api, Refused } from "./net.js";

const panel = $("panel"), wide = matchMedia("(min-width: 1180px)");
let state = null, sessions = null, has = false, loading = false, again = false;

// on is filled in by main.js: send(command), changed(state), left().
export const on = { send: () => {}, changed: () => {}, left: () => {} };

export const status = () => state;

export function enable(yes) {
  has = yes;
  $("panel-open").hidden = false;
  if (wide.matches && localStorage.getItem("panel") !== "closed") toggle(true, false);
  refresh();
}

export const isOpen = () => !panel.hidden;

export function toggle(open = panel.hidden, keep = true) {
  panel.hidden = !open;
  document.body.classList.toggle("with-panel", open);
  $("panel-open").setAttribute("aria-expanded", String(open));
  if (keep && wide.matches) localStorage.setItem("panel", open ? "open" : "closed");
  if (open) {
    loadSessions();
    draw();
    if (keep) panel.querySelector("button")?.focus();
  } else if (keep) {
    $("panel-open").focus();
  }
}

// refresh asks for the state; while one request is under way another one waits for it.
export async function refresh() {
  if (!has) return on.changed(null);
  if (loading) { again = true; return; }
  loading = true;
  try {
    state = await api("GET", "/panel/status");
    on.changed(state);
    health();
    draw();
  } catch { /* the stream says when to try again */ }
  loading = false;
  if (again) { again = false; refresh(); }
}

async function loadSessions() {
  try {
    sessions = await api("GET", "/sessions");
    draw();
  } catch { /* shown when it can be had */ }
}

const dots = { ok: "ok", connected: "ok", expiring: "warn", cooling: "warn", degraded: "warn", connecting: "busy", expired: "bad", "needs-login": "bad", rejected: "bad", failed: "bad" };
const dot = (s, label) => el("span", { class: "dot " + (dots[s] ?? ""), role: "img", "aria-label": label ?? s });

function health() {
  const bad = (state.channels ?? []).some((c) => dots[c.state] === "bad") || (state.providers ?? []).some((p) => p.configured && dots[p.state] === "bad");
  const warn = (state.warnings ?? []).length > 0 || (state.channels ?? []).some((c) => dots[c.state] === "warn");
  $("health").className = "dot " + (bad ? "bad" : warn ? "warn" : "ok");
}

function draw() {
  if (panel.hidden) return;
  const open = new Set([...panel.querySelectorAll("details[open]")].map((d) => d.dataset.key));
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.key : null, top = panel.scrollTop;
  panel.replaceChildren(
    el("div", { class: "panel-head" }, el("h2", {}, "Gateway"),
      el("button", { type: "button", class: "quiet", "aria-label": "Close", "data-key": "close", onclick: () => toggle(false) }, icon("close"))),
    ...[state && warnings(), state && model(), state && providers(), state && channels(), state && figures(), browsers()].filter(Boolean));
  panel.querySelectorAll("details").forEach((d) => { d.open = open.has(d.dataset.key); });
  if (focused) panel.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  panel.scrollTop = top;
}

const section = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);
const command = (label, text, attrs = {}) => el("button", { type: "button", "data-key": text, onclick: () => on.send(text), ...attrs }, label);

function warnings() {
  const list = state.warnings ?? [];
  return list.length > 0 && el("section", {}, list.map((w) => el("p", { class: "warning" }, icon("warn"), el("span", {}, w))));
}

function model() {
  const why = { "config.yaml": "from config.yaml", "/model default": "chosen with /model default", "first login": "chosen at the first login" }[state.model_from] ?? state.model_from;
  return section("New conversations begin with",
    state.model
      ? el("div", { class: "line" }, el("div", {}, el("b", { class: "breakable" }, state.model), why && el("small", {}, why)), command("Change", "/model default", { class: "small-button" }))
      : el("p", { class: "dim" }, "No model yet. Log in to a service below."));
}

function providers() {
  const here = new Set((state.local ?? []).map((l) => l.provider)), all = state.providers ?? [];
  const mine = all.filter((p) => p.configured && (p.source !== "none needed" || p.in_use || here.has(p.id))), others = all.filter((p) => !p.configured);
  return section("Model services",
    mine.map((p) => el("details", { "data-key": "p-" + p.id },
      el("summary", {}, icon("more"), dot(p.state), el("span", { class: "name" }, p.name, p.account && el("i", {}, p.account)), p.in_use && el("small", { class: "tag" }, "in use"), el("small", {}, stateOf(p))),
      el("dl", {},
        fact("Credential", [methods[p.method] ?? p.method, sources[p.source] ?? p.source, p.label].filter(Boolean).join(", ")),
        p.expires && fact("Expires", away(Date.parse(p.expires)) + (p.renews ? "; renewed by itself" : "")),
        p.cool_until && fact("Waits", "until " + new Date(p.cool_until).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
        p.last_error && fact("Last error", p.last_error),
        p.note && fact("Note", p.note)),
      el("div", { class: "line-actions" }, p.source !== "none needed" && command("Log in again", "/login " + p.id), p.source === "stored" && command("Log out", "/logout " + p.id), command("Models", "/model list " + p.id)))),
    !mine.length && el("p", { class: "dim" }, "None yet."),
    el("div", { class: "line-actions" }, others.length > 0 && command(mine.length ? "Log in to another" : "Log in", "/login"), mine.length > 0 && command("Check all", "/auth")));
}

const methods = { key: "API key", token: "token", oauth: "sign-in" };
const sources = { stored: "stored here", env: "from the environment", runtime: "given at start", "none needed": "none needed" };
const stateNames = { ok: "ready", expiring: "expires soon", expired: "expired", "needs-login": "log in again", cooling: "pausing", disabled: "off", missing: "not logged in" };
const stateOf = (p) => stateNames[p.state] ?? p.state;
const fact = (name, value) => value && [el("dt", {}, name), el("dd", {}, value)];

const titles = { web: "This page", terminal: "Terminal", telegram: "Telegram", discord: "Discord", slack: "Slack", twitch: "Twitch", email: "E-mail" };

function channels() {
  return section("Chat services", (state.channels ?? []).map((c) => {
    const account = c.account.includes(":") ? c.account.slice(c.account.indexOf(":") + 1) : "";
    const sources = (c.sources ?? []).map((s) => fact(s.field, s.from ? "from " + s.from : "missing")).filter(Boolean);
    return el("details", { "data-key": "c-" + c.account },
      el("summary", {}, icon("more"), dot(c.state), el("span", { class: "name" }, titles[c.service] ?? c.service, account && el("i", {}, account)), el("small", {}, c.state)),
      c.detail && el("p", {}, c.detail),
      el("dl", {}, fact("Bot", c.bot), c.since && fact("Since", clock(Date.parse(c.since))), c.restarts > 0 && fact("Restarts", String(c.restarts)), ...sources));
  }));
}

function figures() {
  return section("This gateway", el("dl", {},
    fact("Version", state.version), fact("Started", state.started && clock(Date.parse(state.started))),
    fact("Answering", String(state.running ?? 0)), fact("Waiting", String(state.queued ?? 0)), fact("Home", state.home)));
}

function browsers() {
  if (!sessions) return false;
  return section("Browsers let in",
    sessions.map((s) => el("div", { class: "line" },
      el("div", {}, el("b", {}, s.browser), el("small", {}, s.this ? "this one" : "last seen " + away(Date.parse(s.seen)))),
      el("button", { type: "button", class: "small-button", "data-key": "s-" + s.id, onclick: () => end(s) }, s.this ? "Log out" : "Shut out"))));
}

async function end(s) {
  const yes = await dialog({
    title: s.this ? "Log out of this page?" : `Shut out ${s.browser}?`,
    body: el("p", {}, s.this ? "To come back, run `gateway open` on the computer where the gateway runs." : "It needs a new link to come back."),
    actions: [{ label: s.this ? "Log out" : "Shut out", class: "danger" }],
  });
  if (!yes) return;
  try {
    await api("DELETE", "/sessions/" + s.id);
    if (s.this) on.left();
    else loadSessions();
  } catch (err) {
    toast(err instanceof Refused ? err.message : "The gateway cannot be reached. Try again.", "bad");
  }
}

// The theme: as the system has it, light, dark.
const themes = { auto: ["half", "Colours: as the system has them"], light: ["sun", "Colours: light"], dark: ["moon", "Colours: dark"] };

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
  setIcon($("theme"), themes[name][0]);
  $("theme").setAttribute("aria-label", themes[name][1]);
  $("theme").title = themes[name][1];
}

$("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  theme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
});
theme(document.documentElement.dataset.theme in themes ? document.documentElement.dataset.theme : "auto");
$("panel-open").addEventListener("click", () => toggle());
