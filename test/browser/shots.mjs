// Pictures of the page, for people to look at: SHOTS names the folder.

import { answered, ask, check, context, enter, main, same, say, shot } from "./lib.mjs";

// readme makes the picture of the README.
async function readme() {
  await ask("state", "ready");
  const ctx = await context({ viewport: { width: 1040, height: 720 }, colorScheme: "light" });
  const page = await enter(ctx);
  for (const [text, answer] of [["Plan a week in Lisbon", "You said"], ["A letter to the landlord", "You said"], ["How does a gateway answer a message? Show me the code.", "gateway status"]]) {
    await page.evaluate(() => document.getElementById("new").click());
    await say(page, text);
    await answered(page, answer);
  }
  await page.locator("#scroll").evaluate((n) => { n.scrollTop = 0; });
  await page.evaluate(() => document.activeElement.blur());
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/page.jpg`, type: "jpeg", quality: 82, animations: "disabled" });
  await ctx.close();
}

main(async () => {
  await readme();
  for (const [size, viewport, touch] of [["desk", { width: 1280, height: 800 }, false], ["phone", { width: 390, height: 844 }, true]]) {
    for (const colorScheme of ["light", "dark"]) {
      const name = (what) => `${size}-${colorScheme}-${what}`;
      await ask("state", "new");
      const ctx = await context({ viewport, colorScheme, hasTouch: touch, isMobile: touch, deviceScaleFactor: touch ? 2 : 1 });
      const out = await ctx.newPage();
      await out.goto(await ask("url"));
      await out.waitForSelector("#locked:not([hidden])");
      await shot(out, name("locked"));
      await out.close();
      const page = await enter(ctx);
      await page.click("#new", { force: true }).catch(() => {});
      await page.evaluate(() => document.getElementById("new").click());
      await page.waitForSelector(".offer");
      await shot(page, name("first"));
      await page.click(".hello >> text=All services");
      await page.waitForSelector("#picker .option");
      await shot(page, name("services"));
      await page.keyboard.press("Escape");
      await say(page, "/login anthropic");
      await page.waitForSelector(".card");
      await shot(page, name("form"));
      await page.fill(".card input", "sk-fake-0123456789");
      await page.click(".card .primary");
      await answered(page, "You are logged in");
      await say(page, "/model");
      await page.waitForSelector("#log button.choice");
      await shot(page, name("choices"));
      await page.evaluate(() => document.getElementById("new").click());
      await page.waitForSelector(".offer");
      await shot(page, name("hello"));
      await say(page, "half: how does a gateway answer a message? Show me some code.");
      await page.locator("#log .growing", { hasText: "receive(ctx" }).waitFor();
      await shot(page, name("growing"));
      await ask("release");
      await answered(page, "gateway status");
      await shot(page, name("answer"));
      await page.fill("#text", "/lo");
      await page.waitForSelector(".option");
      await shot(page, name("menu"));
      await page.fill("#text", "");
      await page.click("#model");
      await page.waitForSelector("#picker .option");
      await shot(page, name("picker"));
      await page.keyboard.press("Escape");
      if (touch) {
        await page.click("#side-open");
        await shot(page, name("side"));
        await page.fill("#find", "gateway");
        await page.waitForSelector(".hit");
        await shot(page, name("find"));
        await page.fill("#find", "");
        await page.click("#side-close");
        await page.waitForTimeout(300);
        await page.click("#panel-open");
      }
      await page.click("#panel summary >> text=Slack");
      await page.click("#panel summary >> text=OpenAI");
      await shot(page, name("panel"));
      if (touch) await page.click("[data-key=close]");
      await ask("stop");
      await page.waitForSelector("#note:not([hidden])");
      await say(page, "sent while it was away");
      await page.waitForSelector(".pending >> text=Waiting for the gateway");
      await shot(page, name("offline"));
      await ask("start");
      await answered(page, "You said: sent while it was away");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      check(wide <= 0, `nothing is wider than the ${size}: ${wide} px`);
      same(ctx.faults, [], "faults");
      same(ctx.elsewhere, [], "requests to other sites");
      await ctx.close();
    }
  }
});
