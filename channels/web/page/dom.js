// Small helpers to build what is shown. Text becomes markup in fragment() and nowhere else.

const policy = globalThis.trustedTypes
  ? trustedTypes.createPolicy("gateway", { createHTML: (s) => s })
  : { createHTML: (s) => s };

export const $ = (id) => document.getElementById(id);

// fragment parses HTML that the server rendered and made safe.
export function fragment(html) {
  const t = document.createElement("template");
  t.innerHTML = policy.createHTML(html);
  return t.content;
}

// el makes an element: attributes, "on…" listeners, "class"; children are nodes or text; null and false are left out.
export function el(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", "#i-" + name);
  svg.append(use);
  return svg;
}

export function setIcon(button, name) {
  button.querySelector("use").setAttribute("href", "#i-" + name);
}

// random gives n letters and digits.
export function random(n) {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(n)), (b) => letters[b % 36]).join("");
}

export function toast(text, kind = "") {
  const node = el("div", { class: "toast " + kind }, text);
  $("toasts").append(node);
  setTimeout(() => node.remove(), Math.max(4000, text.length * 70));
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "sr" });
    area.value = text;
    document.body.append(area);
    area.select();
    const ok = document.execCommand("copy");
    area.remove();
    return ok;
  }
}

// copyButton copies what text() gives, and says that it did.
export function copyButton(label, text) {
  const button = el("button", { type: "button", class: "quiet small", "aria-label": label, title: label }, icon("copy"));
  button.addEventListener("click", async () => {
    if (!(await copy(text()))) return toast("The browser does not let this page copy.", "bad");
    setIcon(button, "check");
    setTimeout(() => setIcon(button, "copy"), 1500);
  });
  return button;
}

// dialog asks something. It gives what the chosen action gives, or undefined if it was closed.
export function dialog({ title, body, actions }) {
  const box = $("dialog");
  return new Promise((resolve) => {
    let result;
    const done = (value) => { result = value; box.close(); };
    const buttons = actions.map((a) =>
      el("button", { type: "button", class: a.class ?? "", onclick: () => done(a.value?.() ?? true) }, a.label));
    box.replaceChildren(
      el("h2", { id: "dialog-title" }, title),
      ...[body].flat(),
      el("div", { class: "dialog-actions" },
        el("button", { type: "button", onclick: () => done(undefined) }, actions.length ? "Cancel" : "Close"), buttons));
    box.onclose = () => resolve(result);
    box.onclick = (e) => { if (e.target === box) done(undefined); };
    box.onkeydown = (e) => {
      if (e.key === "Enter" && e.target.tagName === "INPUT") { e.preventDefault(); buttons.at(-1)?.click(); }
    };
    box.showModal();
    (box.querySelector("input") ?? buttons.at(-1) ?? box.querySelector("button")).focus();
    box.querySelector("input")?.select();
  });
}

export function clock(ms) {
  const d = new Date(ms);
  const time = d.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (d.toDateString() === new Date().toDateString()) return time;
  return d.toLocaleDateString([], { day: "numeric", month: "short" }) + ", " + time;
}

// away says how far a time is from now: "in 3 days", "5 min ago".
export function away(ms) {
  const s = (ms - Date.now()) / 1000, abs = Math.abs(s);
  const [n, unit] = abs < 90 ? [s, "second"] : abs < 5400 ? [s / 60, "minute"] : abs < 129600 ? [s / 3600, "hour"] : [s / 86400, "day"];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(n), unit);
}

export function size(bytes) {
  return bytes < 1024 ? bytes + " B" : bytes < 1 << 20 ? Math.round(bytes / 1024) + " KB" : (bytes / (1 << 20)).toFixed(1) + " MB";
}
