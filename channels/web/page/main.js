// Puts the parts together: who is let in, which conversation is shown, what the keys do.

import { $, copyButton, dialog, el, icon, random, toast } from "./dom.js";
import * as net from "./net.js";
import * as chat from "./chat.js";
import * as composer from "./composer.js";
import * as outbox from "./outbox.js";
import * as talks from "./talks.js";
import * as find from "./find.js";
import * as forms from "./form.js";
import * as panel from "./panel.js";
import * as hello from "./hello.js";
import * as picker from "./picker.js";

let conv = "", model = "", noteTimer = 0, stream = null, drafts = {};
let loaded = false; // the stream has said what is in the conversation
let fresh = false; // something came while nobody looked

async function start() {
  const link = /^#k=([\w-]+)$/.exec(location.hash)?.[1];
  if (link) history.replaceState(null, "", "/");
  try {
    if (link) {
      try {
        await net.enter(link);
      } catch (err) {
        if (!(err instanceof net.Refused)) throw err;
        toast(err.message, "bad"); // the browser may have been let in before
      }
    }
    const me = await net.whoAmI();
    composer.setLimits(me);
    $("locked").hidden = true;
    $("app").hidden = false;
    run();
    panel.enable(me.panel);
  } catch (err) {
    if (err instanceof net.Refused && err.status === 401) return locked();
    unreachable();
  }
}

// locked says how to come in.
function locked() {
  stream?.close();
  const input = el("input", { type: "text", placeholder: "Paste the link here", "aria-label": "Link", autocomplete: "off", spellcheck: "false" });
  const form = el("form", { class: "form-field" }, input, el("button", { type: "submit", class: "primary" }, "Open"));
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const key = /(?:#k=)?([\w-]{30,})\s*$/.exec(input.value)?.[1];
    if (!key) return toast("This is not a link that `gateway open` prints.", "bad");
    location.hash = "#k=" + key;
    location.reload();
  });
  $("app").hidden = true;
  $("locked").hidden = false;
  $("locked").replaceChildren(el("div", { class: "locked-card" },
    el("div", { class: "mark-big" }, icon("gate")),
    el("h1", {}, "This page is private"),
    el("p", {}, "A link lets this browser in, once. To get one, run this on the computer where the gateway runs, and open what it prints:"),
    el("div", { class: "form-code" }, el("code", {}, "gateway open"), copyButton("Copy the command", () => "gateway open")),
    form,
    el("p", { class: "dim" }, "The browser is remembered from then on.")));
}

function unreachable() {
  $("app").hidden = true;
  $("locked").hidden = false;
  $("locked").replaceChildren(el("div", { class: "locked-card" },
    el("div", { class: "mark-big" }, icon("gate")), el("h1", {}, "The gateway does not answer"),
    el("p", {}, "Is it running? Start it with"), el("div", { class: "form-code" }, el("code", {}, "gateway serve")),
    el("p", { class: "dim" }, "This page tries again by itself.")));
  setTimeout(start, 2000);
}

function run() {
  if (stream) return open(conv || fromHash() || newest(), false);
  stream = new net.Stream({
    change: (c, where) => { if (where === conv) apply(c); else talks.apply(c); },
    state: connection,
    busy: () => chat.isBusy() || outbox.waits(),
  });
  outbox.restore();
  open(fromHash() || localStorage.getItem("conversation") || newId(), false);
}

const newId = () => "c" + random(19);
const fromHash = () => /^#c=([a-z0-9]{10,40})$/.exec(location.hash)?.[1];
const newest = () => talks.ordered()[0]?.id ?? newId();

// open shows a conversation; one that is not there yet begins with its first message.
function open(id, keep = true) {
  if (conv) drafts[conv] = $("text").value;
  conv = id;
  localStorage.setItem("conversation", id);
  if (location.hash !== "#c=" + id) history[keep ? "pushState" : "replaceState"](null, "", "#c=" + id);
  forms.clear();
  chat.show(id);
  outbox.show(id);
  talks.select(id);
  $("hello").hidden = true;
  composer.setText(drafts[id] ?? "");
  loaded = false;
  stream.look(id);
  refreshModel();
  side(false);
  update();
}

function apply(c) {
  if (c.whole) loaded = true;
  talks.apply(c);
  chat.apply(c);
  if (c.forms) {
    forms.apply(c.forms);
    if (c.forms.length) chat.toEnd();
  }
  if (c.menu) composer.setMenu(c.menu);
  if (c.panel) panel.refresh().then(refreshModel);
  if (c.messages?.some((m) => !m.mine && !m.growing)) {
    refreshModel();
    fresh ||= document.hidden;
  }
  outbox.settle();
  outbox.draw();
  update();
}

function update() {
  const t = talks.get(conv), waiting = $("pending").childElementCount > 0;
  $("title").textContent = t ? t.title || "Conversation" : "New conversation";
  $("rename").hidden = $("discard").hidden = !t;
  $("hello").hidden = !(loaded && chat.isEmpty() && !waiting && !forms.isOpen());
  if (!$("hello").hidden) hello.draw($("hello"), { state: panel.status(), model, send, write: composer.setText, services: picker.services });
  $("main").classList.toggle("empty", !$("hello").hidden);
  composer.setBusy(chat.isBusy());
  const n = talks.unread();
  document.title = (n ? `(${n}) ` : document.hidden && fresh ? "● " : "") + (t?.title ? t.title + " · Gateway" : "Gateway");
}

document.addEventListener("visibilitychange", () => { fresh = false; update(); });

let modelAsked = 0;
async function refreshModel() {
  const turn = ++modelAsked;
  let got = { model: "", why: "" };
  try { got = await net.api("GET", "/model?c=" + conv); } catch { return; }
  if (turn !== modelAsked) return;
  model = got.model || panel.status()?.model || "";
  const chip = $("model");
  chip.hidden = !panel.status() && !model;
  chip.replaceChildren(el("span", {}, model ? model.slice(model.indexOf("/") + 1) : "No model yet"), ...(model ? [icon("more")] : []));
  chip.title = model ? `${model}${got.why ? " — " + got.why : ""}. Press to choose another.` : "Log in to a service";
  chip.setAttribute("aria-label", model ? `Model: ${model.slice(model.indexOf("/") + 1)}. Choose another` : "No model yet: log in to a service");
  update();
}

function send(text, files = []) {
  outbox.send(conv, text, files);
  chat.toEnd();
  fresh = false;
  update();
}

function stop() {
  outbox.send(conv, "/stop", [], true);
}

// connection says that the connection is lost, if it lasts.
function connection(state) {
  clearTimeout(noteTimer);
  const note = $("note");
  if (state !== "offline") {
    document.body.classList.remove("offline");
    if (!note.hidden) {
      note.hidden = true;
      panel.refresh();
    }
    outbox.retry();
    return;
  }
  noteTimer = setTimeout(() => {
    note.hidden = false;
    document.body.classList.add("offline");
    note.replaceChildren(el("span", { class: "spinner" }), "The gateway does not answer. Reconnecting…");
  }, note.hidden ? 800 : 0);
}

function side(open) {
  document.body.classList.toggle("with-side", open);
  $("shade").hidden = !open && !(panel.isOpen() && innerWidth < 1180);
  if (open) $("side-close").focus();
  else if ($("side").contains(document.activeElement)) $("side-open").focus();
}

function shortcuts() {
  const keys = [["Enter", "send"], ["Shift Enter", "new line"], ["/", "commands"], ["↑", "your last message again"], ["Esc", "stop the answer"],
    ["Alt N", "new conversation"], ["Alt ↑ ↓", "other conversation"], ["Alt S", "search"], ["Alt M", "choose a model"], ["Alt P", "state of the gateway"]];
  dialog({ title: "Keyboard", actions: [], body: el("dl", { class: "keys" }, keys.map(([k, what]) => [el("dt", {}, k.split(" ").map((x) => el("kbd", {}, x))), el("dd", {}, what)])) });
}

net.events.locked = () => { net.leave(); locked(); };
chat.on.send = send;
chat.on.changed = update;
chat.on.hasCommand = composer.hasCommand;
composer.on.send = send;
composer.on.stop = stop;
composer.on.previous = chat.lastMine;
outbox.on.changed = update;
outbox.on.restore = composer.setText;
talks.on.gone = () => open(newest());
talks.on.drawn = find.draw;
find.on.open = (id, n) => {
  if (id !== conv) open(id);
  else side(false);
  chat.reveal(n);
};
panel.on.send = (text) => { if (innerWidth < 1180) panel.toggle(false, false); send(text); };
panel.on.changed = () => { refreshModel(); update(); };
panel.on.left = () => { net.leave(); locked(); };

$("new").addEventListener("click", () => { open(newId()); composer.focus(); });
$("rename").addEventListener("click", () => talks.rename(conv));
$("discard").addEventListener("click", () => talks.discard(conv));
$("model").addEventListener("click", () => (!panel.status() ? send(model ? "/model" : "/login") : model ? picker.models(model) : picker.services($("model"))));
picker.on.services = () => (panel.status()?.providers ?? []).filter((p) => p.source !== "none needed" && !p.account);
picker.on.send = (text) => send(text);
picker.on.name = (id) => panel.status()?.providers?.find((p) => p.id === id)?.name ?? id;
$("side-open").addEventListener("click", () => side(true));
$("side-close").addEventListener("click", () => side(false));
$("shade").addEventListener("click", () => { side(false); if (innerWidth < 1180) panel.toggle(false, false); $("shade").hidden = true; });
$("keys").addEventListener("click", shortcuts);
new MutationObserver(() => { $("shade").hidden = !document.body.classList.contains("with-side") && !(panel.isOpen() && innerWidth < 1180); })
  .observe(document.body, { attributes: true, attributeFilter: ["class"] });
addEventListener("hashchange", () => {
  const id = fromHash();
  if (id && id !== conv && stream) open(id, false);
  else if (location.hash.startsWith("#k=")) location.reload();
});
addEventListener("keydown", (e) => {
  if (e.altKey && !e.ctrlKey && !e.metaKey && !$("app").hidden) {
    const list = talks.ordered(), at = list.findIndex((t) => t.id === conv);
    if (e.code === "KeyN") { open(newId()); composer.focus(); }
    else if (e.code === "KeyP") panel.toggle();
    else if (e.code === "KeyM") $("model").click();
    else if (e.code === "KeyS") { if (innerWidth < 820) side(true); find.focus(); }
    else if (e.code === "ArrowDown" && list[at + 1]) open(list[at + 1].id);
    else if (e.code === "ArrowUp" && at > 0) open(list[at - 1].id);
    else return;
    e.preventDefault();
  } else if (e.key === "Escape") {
    if (document.body.classList.contains("with-side")) side(false);
    else if (panel.isOpen() && innerWidth < 1180) panel.toggle(false);
  } else if (e.key === "/" && document.activeElement === document.body) {
    $("text").focus();
  }
});

start();
