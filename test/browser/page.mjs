// A person uses the page: comes in by a link, writes, chooses, logs in by a form, loses the connection.

import { answered, ask, check, context, enter, log, main, same, say, shot } from "./lib.mjs";

main(async () => {
  await ask("state", "new");
  const ctx = await context();

  // Nobody comes in without a link; a link works once.
  const out = await ctx.newPage();
  await out.goto(await ask("url"));
  await out.waitForSelector("#locked >> text=gateway open");
  const link = await ask("link");
  await out.goto(link);
  await out.waitForSelector("#app:not([hidden])");
  check(!out.url().includes("k="), "the token has left the address: " + out.url());
  same(await out.evaluate(() => document.cookie), "", "scripts see no cookie");
  const other = await context();
  const late = await other.newPage();
  await late.goto(link);
  await late.waitForSelector("#locked >> text=This page is private");
  await late.waitForSelector(".toast >> text=used before");
  await other.close();
  await out.close();

  // The cookie brings the same browser in again.
  const page = await ctx.newPage();
  await page.goto(await ask("url"));
  await page.waitForSelector(".offer >> text=Anthropic");

  // All services are a list to search in.
  await page.click(".hello >> text=All services");
  await page.fill("#picker input", "gro");
  await page.waitForFunction(() => document.querySelectorAll("#picker .option").length === 1);
  await page.waitForSelector("#picker .option >> text=Groq");
  await page.keyboard.press("Escape");
  same(await page.evaluate(() => document.activeElement.textContent), "All services", "focus after Escape");
  await page.click("#model");
  await page.waitForSelector("#picker .option >> text=OpenRouter");
  await page.keyboard.press("Escape");

  // First run: a button logs in; the form's answer leaves no trace.
  await page.click(".offer >> text=Anthropic");
  await page.waitForSelector(".card input[type=password]");
  check(await page.evaluate(() => document.activeElement.closest(".card") !== null), "the form has the focus");
  await page.fill(".card input", "wrong-key-0123456789");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".form-error >> text=does not look like a key");
  await page.fill(".card input", "sk-fake-form-secret-42");
  await page.keyboard.press("Enter");
  await answered(page, "You are logged in to anthropic");
  await page.waitForSelector(".card", { state: "detached" });
  same(await ask("traces", "sk-fake-form-secret-42"), [], "traces of the form's answer");
  check(!(await page.content()).includes("sk-fake-form-secret-42"), "the page does not show the answer");
  same(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]).includes("form-secret")), false, "the browser keeps the answer");
  await page.waitForSelector("#model >> text=claude-sonnet-4-6");

  // A key pasted as a message, or as an argument, is not kept and not shown.
  await say(page, "sk-fake-pasted-secret-43");
  await answered(page, "You said: sk-fake-pasted-secret-43"); // this bot repeats it; the gateway's core does not
  same(await page.locator("#log .mine .bubble").last().textContent(), "••••••", "what is shown of a pasted key");
  await say(page, "/login anthropic sk-fake-argument-44");
  await page.waitForSelector(".card");
  await page.click(".card >> text=Cancel");
  await answered(page, "Nothing was changed.");
  same((await ask("traces", "sk-fake-argument-44")), ["a message"], "traces of a secret argument");

  // A reply grows; what is selected in it stays; stop stops it.
  await page.click("#new");
  await page.waitForSelector("#hello:not([hidden])");
  await say(page, "half a story");
  await page.locator("#log .growing", { hasText: "receive(ctx" }).waitFor();
  await page.evaluate(() => { window.first = document.querySelector(".growing .prose > p"); getSelection().selectAllChildren(window.first); });
  check(await page.isVisible("#stop"), "the stop button shows while an answer grows");
  await ask("release");
  await answered(page, "gateway status");
  check(await page.evaluate(() => window.first.isConnected && getSelection().toString().startsWith("A gateway")), "the selection stays while the answer grows");
  check(!(await page.isVisible("#stop")), "the stop button goes");
  same(await page.locator("#log .code-head span").first().textContent(), "go", "the code's language");
  await page.waitForFunction(() => document.getElementById("live").textContent.startsWith("A gateway passes"));
  await say(page, "half again");
  await page.locator("#log .growing").waitFor();
  await page.click("#stop");
  await answered(page, "Stopped.");
  check(!(await page.locator("#log .mine", { hasText: "/stop" }).count()), "the stop button leaves no message");

  // Who reads further up is not moved while an answer grows, and comes back to the end with a press.
  await say(page, "half, once more");
  await page.locator("#log .growing", { hasText: "receive(ctx" }).waitFor();
  await page.locator("#scroll").hover();
  await page.mouse.wheel(0, -5000);
  await page.waitForFunction(() => document.getElementById("scroll").scrollTop === 0);
  await ask("release");
  await answered(page, "gateway status");
  await page.waitForSelector("#latest:not([hidden])");
  same(await page.locator("#scroll").evaluate((n) => n.scrollTop), 0, "where one reads");
  await page.click("#latest");
  await page.waitForFunction(() => { const n = document.getElementById("scroll"); return n.scrollHeight - n.scrollTop - n.clientHeight < 2; });
  check(await page.isHidden("#latest"), "the button goes at the end");

  // Markup of the model's is text; nothing of it runs or is fetched.
  await say(page, "evil");
  await answered(page, "alert(2)");
  same(await page.locator("#log .bot").last().locator("img, script, [onclick], [onerror], a[href^=javascript]").count(), 0, "live markup");

  // Buttons.
  await say(page, "/model");
  await page.click("#log button.choice >> text=Claude Opus 4.6");
  await answered(page, "From now on Claude Opus 4.6 answers here.");
  same(await page.locator("#log button.choice").count(), 0, "buttons left");

  // The model is chosen from a list near the message box, by its name or by the keys.
  await page.click("#model");
  await page.waitForSelector("#picker .option >> text=Claude Opus 4.6");
  same(await page.locator("#picker .picker-group").allTextContents(), ["Anthropic", "Ollama"], "services");
  await page.waitForSelector("#picker >> text=no credit left");
  same(await page.locator("#picker .option[aria-selected=true]").getAttribute("title"), "/model anthropic/claude-sonnet-4-6", "what is marked");
  await page.keyboard.press("Escape");
  check(await page.isHidden("#picker"), "Escape closes the list");
  same(await page.evaluate(() => document.activeElement.id), "model", "focus after Escape");
  await page.keyboard.press("Enter");
  await page.keyboard.type("opus");
  await page.waitForFunction(() => document.querySelectorAll("#picker .option").length === 1);
  await page.keyboard.press("Enter");
  await answered(page, "From now on anthropic/claude-opus-4-6 answers here.");
  await page.click("#model");
  await page.fill("#picker input", "nothing like it");
  await page.waitForSelector("#picker >> text=Nothing has such a name.");
  await page.click("#title");
  check(await page.isHidden("#picker"), "a press elsewhere closes the list");

  // Commands complete, arguments too; keys choose.
  await page.fill("#text", "/log");
  await page.waitForSelector(".option >> text=/login");
  await page.keyboard.press("Tab");
  await page.waitForSelector(".option >> text=openai-codex");
  await page.keyboard.type("openr");
  await page.waitForFunction(() => document.querySelectorAll(".option").length === 1);
  await page.keyboard.press("Enter");
  same(await page.inputValue("#text"), "/login openrouter ", "completed");
  same(await page.textContent("#hint"), "key: not kept, not shown", "hint");
  await page.fill("#text", "");

  // Files.
  await page.setInputFiles("#files", { name: "../dot.png", mimeType: "image/png", buffer: Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64") });
  await page.waitForSelector("#chips img");
  await page.click("#send");
  await answered(page, "You sent dot.png, 70 bytes of image/png.");
  await page.waitForFunction(() => [...document.querySelectorAll("#log .picture img")].some((i) => i.complete && i.naturalWidth === 1));

  // Several conversations: renamed, looked at again, deleted.
  const title = await page.textContent("#title");
  check(title.startsWith("half a story"), "the first message names the conversation: " + title);
  await page.locator(".talk.current").hover();
  await page.locator(".talk.current button[aria-label^=Rename]").click();
  await page.fill("#dialog input", "A better name");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#title >> text=A better name");
  await page.click("#new");
  await say(page, "a second conversation");
  await answered(page, "You said: a second conversation");
  await page.click(".talk >> text=A better name");
  await page.locator("#log", { hasText: "Claude Opus 4.6" }).waitFor();
  await page.goBack();
  await page.locator("#log", { hasText: "You said: a second conversation" }).waitFor();

  // Two windows show the same.
  const twin = await ctx.newPage();
  await twin.goto(page.url());
  await twin.locator("#log", { hasText: "You said: a second conversation" }).waitFor();
  await say(twin, "from the other window");
  await answered(page, "You said: from the other window");
  await twin.close();

  // The gateway stops in the middle of it: what is sent waits, and nothing is missed or doubled.
  await ask("stop");
  await page.waitForSelector("#note:not([hidden]) >> text=Reconnecting");
  await say(page, "sent while it was away");
  await say(page, "and this");
  await page.waitForSelector(".pending >> text=Waiting for the gateway");
  await shot(page, "desk-light-offline");
  await ask("start");
  await answered(page, "You said: sent while it was away");
  await answered(page, "You said: and this");
  await page.waitForSelector("#note", { state: "hidden" });
  same(await page.locator("#log .mine", { hasText: "sent while it was away" }).count(), 1, "times shown");
  same(await page.locator("#pending > *").count(), 0, "messages that wait");
  same((await ask("heard")).filter((t) => t === "sent while it was away").length, 1, "times heard");
  const texts = await page.locator("#log .bubble").allTextContents();
  same(texts, ["a second conversation", "from the other window", "sent while it was away", "and this"], "order");
  await ask("post", "nobody asked for this");
  await answered(page, "nobody asked for this");

  // All is there after the restart; one is deleted.
  await page.reload();
  await answered(page, "nobody asked for this");
  same(await page.locator(".talk").count(), 3, "conversations");
  await page.locator(".talk.current").hover();
  await page.locator(".talk.current button[aria-label^=Delete]").click();
  await page.click("#dialog .danger");
  await page.waitForFunction(() => document.querySelectorAll(".talk").length === 2);
  same(await ask("traces", "from the other window"), ["a message"], "traces of a deleted conversation");

  // What was said is found again, in every conversation, and shown where it was said.
  check(await page.isHidden("#find-box"), "a few conversations need no search");
  await page.keyboard.press("Alt+KeyS");
  await page.keyboard.type("RECEIVE(ctx");
  await page.waitForSelector(".hit >> text=A better name");
  same(await page.locator(".hit mark").first().textContent(), "receive(ctx", "what is marked");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#log .sought >> text=receive(ctx");
  await page.waitForSelector("#title >> text=A better name");
  await page.fill("#find", "better na");
  await page.waitForSelector("#list h2 >> text=Conversations");
  await page.fill("#find", "nobody said this");
  await page.waitForSelector("#list >> text=Nothing was found.");
  await page.focus("#find");
  await page.keyboard.press("Escape");
  same(await page.locator("#list .talk").count(), 2, "conversations without a search");

  // The panel is live.
  await page.locator("#panel summary", { hasText: "Anthropic" }).waitFor();
  await ask("state", "new");
  await page.locator("#panel summary", { hasText: "Anthropic" }).waitFor({ state: "detached" });
  await page.waitForSelector("#model >> text=No model yet");

  // Logging out shuts this browser out, and its stream.
  await page.locator("#panel .line", { hasText: "this one" }).locator("button").click();
  await page.click("#dialog .danger");
  await page.waitForSelector("#locked >> text=This page is private");
  await page.reload();
  await page.waitForSelector("#locked >> text=This page is private");

  same(ctx.faults, [], "faults");
  same(ctx.elsewhere, [], "requests to other sites");
  log("all is well");
});
