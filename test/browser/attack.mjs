// Other sites try to get at the page, in the browser of a person who is let in. They even know the session's path,
// which they cannot.

import { answered, ask, check, context, enter, log, main, same, say } from "./lib.mjs";

main(async () => {
  const ctx = await context();
  const page = await enter(ctx);
  await say(page, "mine");
  await answered(page, "You said: mine");
  const own = new URL(await ask("url")).origin;
  const path = await page.evaluate(() => "/s/" + localStorage.getItem("session"));
  const conv = /#c=(\w+)/.exec(page.url())[1];

  for (const host of ["evil.test", "127.0.0.1", "localhost"]) {
    const site = await ask("evil", host);
    const evil = await ctx.newPage();
    await evil.goto(site);
    const link = await ask("link");
    const got = await evil.evaluate(async ({ own, path, conv, token }) => {
      const tried = {};
      const attempt = async (name, f) => { try { tried[name] = await f(); } catch (e) { tried[name] = "refused"; } };
      const read = async (url, options) => { const r = await fetch(url, options); return r.type === "opaque" ? "opaque" : `${r.status} ${await r.text()}`; };
      const loads = (tag, attr, url) => new Promise((resolve) => {
        const n = document.createElement(tag);
        n.onload = () => resolve("loaded");
        n.onerror = () => resolve("refused");
        n[attr] = url;
        document.body.append(n);
      });
      const json = { "Content-Type": "application/json" };
      const message = JSON.stringify({ c: conv, id: "attack-000001", text: "from another site" });
      await attempt("read page", () => read(own + "/"));
      await attempt("read messages", () => read(`${own}${path}/messages?c=${conv}&before=99`, { credentials: "include" }));
      await attempt("read state", () => read(`${own}${path}/panel/status`, { credentials: "include" }));
      await attempt("post", () => read(`${own}${path}/messages`, { method: "POST", credentials: "include", headers: json, body: message }));
      await attempt("enter", () => read(own + "/api/enter", { method: "POST", credentials: "include", headers: json, body: JSON.stringify({ link: token }) }));
      await attempt("delete", () => read(`${own}${path}/conversations/${conv}`, { method: "DELETE", credentials: "include" }));
      // What needs no preflight goes out; it must not be taken. Nothing can be read of the answer.
      await fetch(`${own}${path}/messages`, { method: "POST", mode: "no-cors", credentials: "include", headers: { "Content-Type": "text/plain" }, body: message }).catch(() => {});
      await fetch(own + "/api/enter", { method: "POST", mode: "no-cors", credentials: "include", body: JSON.stringify({ link: token }) }).catch(() => {});
      await attempt("script", () => loads("script", "src", own + "/page/theme.js"));
      await attempt("picture", () => loads("img", "src", own + "/page/icon.svg"));
      await attempt("stream", () => new Promise((resolve) => {
        const es = new EventSource(`${own}${path}/events?c=${conv}`, { withCredentials: true });
        es.onerror = () => { es.close(); resolve("refused"); };
        es.onopen = () => resolve("opened");
      }));
      await attempt("websocket", () => new Promise((resolve) => {
        const ws = new WebSocket(own.replace("http", "ws") + path + "/events");
        ws.onerror = () => resolve("refused");
        ws.onopen = () => resolve("opened");
      }));
      const frame = document.createElement("iframe");
      frame.src = own + "/";
      document.body.append(frame);
      await new Promise((r) => setTimeout(r, 500));
      tried.window = (() => { try { return frame.contentWindow.document.body?.childElementCount ?? 0; } catch { return "refused"; } })();
      return tried;
    }, { own, path, conv, token: link.split("#k=")[1] });
    for (const [what, result] of Object.entries(got)) check(result === "refused", `${host}: ${what} gave ${result}`);
    for (const f of evil.frames().slice(1)) check(!/Gateway|Write a message/.test(await f.content().catch(() => "")), `${host}: the page is in a frame`);

    // A form that leads the browser to us.
    await evil.goto(site);
    await evil.evaluate(({ own, path, conv }) => {
      const form = document.createElement("form");
      form.method = "POST";
      form.enctype = "text/plain";
      form.action = `${own}${path}/messages`;
      const field = document.createElement("input");
      field.name = `{"c":"${conv}","id":"attack-000002","text":"by a form","x":"`;
      field.value = `"}`;
      form.append(field);
      document.body.append(form);
      form.submit();
    }, { own, path, conv });
    await evil.waitForURL((url) => url.origin === own);
    await evil.waitForLoadState();
    check(!(await evil.content()).includes("message-"), "the form's answer");

    // The person goes to the other site at any path; our cookie does not go there.
    await evil.goto(site + "/api/enter");

    // A link on another site leads to the page, and no further: no token is taken from it but a good one's.
    await evil.goto(site);
    await evil.evaluate((url) => { location.href = url; }, own + "/#k=0123456789012345678901234567890123456789012");
    await evil.waitForSelector("#app:not([hidden])");
    check(!evil.url().includes("k="), "the false token stays in the address");
    await evil.close();

    // The link that the other site tried to use up still works.
    const fresh = await context();
    const mine = await fresh.newPage();
    await mine.goto(link);
    await mine.waitForSelector("#app:not([hidden])");
    await fresh.close();
  }
  check(!(await ask("cookies")).includes("gateway="), "another port was sent our cookie: " + (await ask("cookies")));

  // DNS rebinding: a name of somebody else's that leads to this host.
  const rebound = await ctx.newPage();
  const answer = await rebound.goto(own.replace("127.0.0.1", "evil.test") + "/");
  same(answer.status(), 421, "status by another name");
  check(!(await rebound.content()).includes("Gateway"), "what is shown by another name");
  const fetched = await rebound.evaluate(async (path) => (await fetch(path + "/session", { credentials: "include" })).status, path);
  same(fetched, 421, "status of a request by another name");

  same((await ask("heard")).filter((t) => t !== "mine"), [], "what was heard");
  await answered(page, "You said: mine");
  log("all is well");
});
