// What people who see, hear or move otherwise meet: axe, a checker that is not ours, looks at the page in each of its
// states, in light and dark, at phone and desk size; then the page is used by the keyboard alone.

import { readFileSync } from "node:fs";
import { answered, ask, check, context, enter, log, main, same, say } from "./lib.mjs";

const axe = readFileSync(new URL("../peers/node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const wrong = [];

// look has axe look at the page as it is.
async function look(page, what) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((a) => (a.effect.getTiming().iterations === Infinity ? null : a.finished))));
  const found = await page.evaluate(async (source) => {
    if (!window.axe) (0, eval)(source); // by the browser's own way in, past the page's policy
    const r = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return r.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary?.split("\n")[1]?.trim() ?? ""}`));
  }, axe);
  wrong.push(...found.map((f) => `${what}: ${f}`));
}

// small are the things to press that are less than n pixels high or wide, for fingers.
const small = (page, n) => page.evaluate((n) => [...document.querySelectorAll("button, a.choice, summary, .talk a, .option, input:not([hidden])")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true })).map((e) => [e, e.getBoundingClientRect()])
  .map(([e, r]) => [e, Math.round(r.width), Math.round(r.height)]) // what moves into its place is at parts of a pixel
  .filter(([, w, h]) => w > 0 && (h < n || w < n)).map(([e, w, h]) => `${e.id || e.className || e.textContent}: ${w} × ${h}`), n);

// keys: a person without a mouse logs in, writes, stops, chooses, goes to another conversation and opens the panel.
async function keys() {
  await ask("state", "new");
  const ctx = await context();
  const page = await enter(ctx), press = (k) => page.keyboard.press(k);
  const at = () => page.evaluate(() => { const e = document.activeElement; return e === document.body ? "" : e.getAttribute("aria-label") || e.textContent.trim() || e.id; });
  const to = async (what, key = "Tab") => {
    for (let i = 0; i < 60; i++) {
      if ((await at()).includes(what)) {
        check(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none" || document.activeElement.id === "text"), `one sees that ${what} has the focus`);
        return;
      }
      await press(key);
    }
    throw new Error(`the keys do not lead to ${what}; they are at ${await at()}`);
  };
  await press("Alt+KeyN");
  await to("Anthropic");
  await press("Enter");
  await page.waitForSelector(".card input");
  same(await at(), "API key", "focus in the form");
  await page.keyboard.type("sk-fake-0123456789");
  await press("Enter");
  await answered(page, "You are logged in");
  await to("Message");
  await page.keyboard.type("half a story");
  await press("Shift+Enter");
  await page.keyboard.type("in two lines");
  await press("Enter");
  await page.locator("#log .growing", { hasText: "receive(ctx" }).waitFor();
  same((await ask("heard")).at(-1), "half a story\nin two lines", "what was sent");
  await press("Escape");
  await answered(page, "Stopped.");
  await press("ArrowUp");
  same(await page.inputValue("#text"), "half a story\nin two lines", "the last message again");
  await page.fill("#text", "");
  await press("Alt+KeyM");
  await page.waitForSelector("#picker .option");
  await press("ArrowDown");
  await press("Enter");
  await answered(page, "claude-opus-4-6 answers here");
  await to("Copy answer", "Shift+Tab");
  await press("Alt+KeyN");
  await page.waitForSelector("#hello:not([hidden])");
  await page.keyboard.type("a second one");
  await press("Enter");
  await answered(page, "You said: a second one");
  await press("Alt+ArrowDown");
  await page.locator("#log", { hasText: "in two lines" }).waitFor();
  await to("State of the gateway", "Shift+Tab");
  const open = await page.isVisible("#panel");
  await press("Enter");
  same(await page.isVisible("#panel"), !open, "the panel after a press of its button");
  same(ctx.faults, [], "faults");
  await ctx.close();
}

main(async () => {
  for (const [size, viewport, touch] of [["desk", { width: 1280, height: 800 }, false], ["phone", { width: 390, height: 844 }, true]]) {
    for (const colorScheme of ["light", "dark"]) {
      const name = (what) => `${size} ${colorScheme} ${what}`;
      await ask("state", "new");
      const ctx = await context({ viewport, colorScheme, hasTouch: touch, isMobile: touch, bypassCSP: true });
      const out = await ctx.newPage();
      await out.goto(await ask("url"));
      await out.waitForSelector("#locked:not([hidden])");
      await look(out, name("locked"));
      await out.close();
      const page = await enter(ctx);
      await page.evaluate(() => document.getElementById("new").click());
      await page.waitForSelector(".offer");
      await look(page, name("first"));
      await page.click(".hello >> text=All services");
      await page.waitForSelector("#picker .option");
      await look(page, name("services"));
      await page.keyboard.press("Escape");
      await say(page, "/login anthropic");
      await page.waitForSelector(".card");
      await page.fill(".card input", "wrong-key-0123456789");
      await page.click(".card .primary");
      await page.waitForSelector(".form-error:not([hidden])");
      await look(page, name("form"));
      await page.fill(".card input", "sk-fake-0123456789");
      await page.click(".card .primary");
      await answered(page, "You are logged in");
      await say(page, "/model");
      await page.waitForSelector("#log button.choice");
      await look(page, name("choices"));
      if (touch) same(await small(page, 44), [], "too small for a finger");
      await say(page, "half: some code");
      await page.locator("#log .growing", { hasText: "receive(ctx" }).waitFor();
      await look(page, name("growing"));
      await ask("release");
      await answered(page, "gateway status");
      await page.fill("#text", "/lo");
      await page.waitForSelector(".option");
      await look(page, name("menu"));
      await page.fill("#text", "");
      await page.click("#model");
      await page.waitForSelector("#picker .option");
      await look(page, name("picker"));
      await page.keyboard.press("Escape");
      if (touch) {
        await page.click("#side-open");
        await page.keyboard.press("Alt+KeyS");
        await page.fill("#find", "gateway");
        await page.waitForSelector(".hit");
        await look(page, name("list"));
        await page.fill("#find", "");
        await page.evaluate(() => document.activeElement.blur());
        await page.click("#side-close");
        await page.click("#panel-open");
      }
      await page.click("#panel summary >> text=OpenAI");
      await look(page, name("panel"));
      await ctx.close();
    }
  }
  same([...new Set(wrong)], [], "what axe finds");
  await keys();
  log("all is well");
});
