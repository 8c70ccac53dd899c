// The page's way to the gateway: requests of its session, and the stream of what changes.

// Refused is what the gateway said no to, in a sentence; status is the HTTP status.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
  // final: to ask again is of no use.
  get final() { return this.status >= 400 && this.status < 500 && this.status !== 429; }
}

let session = localStorage.getItem("session");

export const base = () => "/s/" + session;

// locked is called when this browser is not let in.
export const events = { locked: () => {} };

async function ask(method, url, body) {
  const resp = await fetch(url, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(30000),
    cache: "no-store",
    credentials: "same-origin",
    redirect: "error",
  });
  if (resp.ok) return resp.json();
  let message = "The gateway answered with an error (" + resp.status + ").";
  try { message = (await resp.json()).error || message; } catch { /* no sentence came with it */ }
  throw new Refused(resp.status, message);
}

// api sends a request. It throws Refused, or something else if the gateway cannot be reached.
export async function api(method, path, body) {
  try {
    return await ask(method, base() + path, body);
  } catch (err) {
    if (err instanceof Refused && err.status === 401) events.locked();
    throw err;
  }
}

// enter exchanges a link's token for a session, which the browser then keeps as a cookie.
export async function enter(token) {
  const got = await ask("POST", "/api/enter", { link: token });
  session = got.session;
  localStorage.setItem("session", session);
}

export async function whoAmI() {
  if (!session) throw new Refused(401, "");
  return ask("GET", base() + "/session");
}

export function leave() {
  session = null;
  localStorage.removeItem("session");
}

// Stream brings the changes of one conversation and of the list. It connects again by itself and goes on where it
// was. A page that nobody sees lets go of its connection: browsers allow six to one host, for all tabs together.
export class Stream {
  #conv = "";
  #last = "";
  #source = null;
  #timer = 0;
  #heard = 0;
  #tries = 0;
  #hidden = 0;
  #change;
  #state;
  #busy;

  // change is called with every change; state with "online", "offline" or "asleep"; busy says whether to stay awake.
  constructor({ change, state, busy }) {
    this.#change = change;
    this.#state = state;
    this.#busy = busy;
    document.addEventListener("visibilitychange", () => this.#seen());
    addEventListener("online", () => this.retry());
    addEventListener("pageshow", (e) => { if (e.persisted) this.retry(); });
    setInterval(() => this.#watch(), 5000);
  }

  // look follows another conversation.
  look(conv) {
    this.#conv = conv;
    this.#last = "";
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // retry connects at once if the connection is lost.
  retry() {
    if (this.#source?.readyState === EventSource.OPEN || !this.#conv) return;
    this.#tries = 0;
    this.#open();
  }

  #open() {
    this.close();
    const conv = this.#conv;
    const source = new EventSource(`${base()}/events?c=${conv}&since=${this.#last}`);
    this.#source = source;
    this.#heard = Date.now();
    source.onopen = () => this.#alive();
    source.addEventListener("ping", () => this.#alive());
    source.addEventListener("change", (e) => {
      if (source !== this.#source) return;
      this.#alive();
      this.#last = e.lastEventId;
      this.#change(JSON.parse(e.data), conv);
    });
    source.onerror = () => { if (source === this.#source) this.#lost(); };
  }

  #alive() {
    this.#heard = Date.now();
    this.#tries = 0;
    this.#state("online");
  }

  async #lost() {
    this.close();
    this.#state("offline");
    const wait = Math.min(300 * 2 ** this.#tries++, 4000) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(async () => {
      try {
        await whoAmI(); // the stream itself does not say why it failed
        this.#open();
      } catch (err) {
        if (err instanceof Refused && err.status === 401) return events.locked();
        this.#lost();
      }
    }, wait);
  }

  // watch notices a connection that is dead without saying so, and a page that nobody sees.
  #watch() {
    if (this.#source && Date.now() - this.#heard > 40000) this.#lost();
    if (this.#source && this.#hidden && Date.now() - this.#hidden > 20000 && !this.#busy()) {
      this.close();
      this.#state("asleep");
    }
  }

  #seen() {
    this.#hidden = document.hidden ? Date.now() : 0;
    if (!document.hidden) this.retry();
  }
}
