// @ts-check
/**
 * Tokenward for web pages: sign in, call APIs, stay signed in, sign out of all tabs at once.
 *
 * The refresh token is in a cookie that no script can read. The access token is in the memory of this module: never in
 * a storage, an address, an event or the console. Tabs of one origin give it to each other by BroadcastChannel; who can
 * listen there runs in the same origin, and can ask for one by the cookie as well.
 *
 * Licence: Apache-2.0.
 */

/** @typedef {import("./tokenward.d.ts").User} User */
/** @typedef {{token: string, life: number, monotonic: number, wall: number}} Lease  `life` in milliseconds */
/** @typedef {{access_token: string, expires_in: number, user?: User}} Tokens */

const API = "/api/v1";
const REQUEST_MS = 30_000;
const TRIES = 3;

// Taken now, so that a script which replaces `fetch` later sees no token.
const send = globalThis.fetch.bind(globalThis);

/** What went wrong. `code` is the server's, or one of this module; compare it. `detail` is for people. */
export class AuthError extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {{status?: number, retryAfter?: number, cause?: unknown}} more
   */
  constructor(code, detail, { status = 0, retryAfter = 0, cause } = {}) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = "AuthError";
    this.code = code;
    this.detail = detail;
    this.status = status;
    /** Seconds that the server wants us to wait. */
    this.retryAfter = retryAfter;
  }
}

const signedOut = () => new AuthError("signed_out", "Nobody is signed in.");

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A pause that doubles, and that many pages do not take at the same moment. @param {number} tried */
const pause = (tried) => 500 * 2 ** Math.min(tried, 7) * (0.5 + Math.random() / 2);

/** Whether the same request may succeed soon. @param {unknown} error */
const passes = (error) =>
  error instanceof AuthError && (error.code === "network_error" || error.status >= 500) && !error.retryAfter;

/** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
async function patiently(work) {
  for (let tried = 0; ; tried++) {
    try {
      return await work();
    } catch (error) {
      if (tried === TRIES - 1 || !passes(error)) throw error;
      await sleep(pause(tried));
    }
  }
}

/** @param {Response} answer */
async function problem(answer) {
  const body = await answer.json().catch(() => ({}));
  const detail = typeof body.detail === "string" ? body.detail : `The server answered ${answer.status}.`;
  return new AuthError(typeof body.code === "string" ? body.code : "bad_answer", detail, {
    status: answer.status,
    retryAfter: Number(answer.headers.get("retry-after")) || 0,
  });
}

/** An address that tokens may be sent to: `https`, or this machine. @param {string} address */
function safeUrl(address) {
  const url = new URL(address);
  const loopback = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && loopback)) return url;
  throw new AuthError("insecure_address", `Tokens are sent by https only, not to ${url.origin}.`);
}

/** Time that passed since a token was asked for. Sleep stops the one clock in some browsers, a person sets the other.
 * @param {Lease} lease */
const age = (lease) => Math.max(performance.now() - lease.monotonic, Date.now() - lease.wall);

// Refreshed in the background when a fifth of its life is left, at most a minute; not used in its last moments.
/** @param {Lease} lease */
const lead = (lease) => Math.min(60_000, lease.life / 5);
/** @param {Lease | null} lease @returns {lease is Lease} */
const usable = (lease) => lease !== null && age(lease) < lease.life - Math.min(5_000, lease.life / 20);

class Auth extends EventTarget {
  /** @type {Lease | null} */ #lease = null;
  /** @type {User | null} */ #user = null;
  // After a sign-out only a sign-in or `restore` asks the server again, whatever the cookie still says.
  #out = false;
  // Aborted by a sign-out: all that was begun before it ends, and what it would have brought is dropped.
  #session = new AbortController();
  /** @type {Promise<void> | null} */ #refreshing = null;
  /** @type {BroadcastChannel | null} */ #channel = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {{until: number, error: AuthError} | null} */ #wait = null;
  #failures = 0;
  #closed = new AbortController();
  #base;
  #origins;
  #name;

  /** @param {{issuer: string, origins?: string[]}} options */
  constructor({ issuer, origins = [] }) {
    super();
    const url = safeUrl(issuer);
    this.#base = url.href.replace(/\/$/, "") + API;
    this.#name = `tokenward ${this.#base}`;
    this.#origins = new Set([url.origin, ...origins.map((one) => safeUrl(one).origin)]);
    this.#listen();
    const { signal } = this.#closed;
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
    addEventListener("online", () => ((this.#wait = null), this.#wake()), { signal });
    // A page that a browser keeps for its back button has no token, and asks anew whether its session lives.
    addEventListener("pagehide", () => this.#suspend(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#resume(), { signal });
  }

  get user() {
    return this.#user;
  }

  /** @param {{username?: string, email?: string, password: string}} credentials */
  signIn({ username, email, password }) {
    const body = email === undefined ? { username, password } : { email, password };
    const { signal } = this.#session;
    return this.#locked(async () => {
      const asked = clocks();
      const first = await this.#post("/auth/login", body);
      await this.#checkCookie(first.access_token);
      if (!first.user) throw new AuthError("bad_answer", "The answer has no user.");
      // Somebody signed out in the meantime, and that logout waits for its turn to end this session too.
      if (signal.aborted) throw signal.reason;
      this.#enter(lease(first, asked), first.user);
      this.#tell("signed-in");
      return first.user;
    });
  }

  /** Finds out who is signed in, as after a reload; null is nobody. */
  async restore() {
    this.#out = false;
    try {
      const answer = await this.fetch(`${this.#base}/users/me`);
      if (!answer.ok) throw await problem(answer);
      const user = /** @type {User} */ (await answer.json());
      if (this.#lease && this.#user?.id !== user.id) this.#enter(this.#lease, user);
      return this.#user;
    } catch (error) {
      if (this.#out) return null;
      throw error;
    }
  }

  /** An access token that is good for now. @param {string} [refused] one that an API did not take */
  async token(refused) {
    if (this.#out) throw signedOut();
    if (!usable(this.#lease) || this.#lease.token === refused) await this.#refresh(this.#lease?.token);
    if (!this.#lease) throw signedOut();
    return this.#lease.token;
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
  async fetch(input, init) {
    const request = new Request(input, init);
    if (!this.#origins.has(new URL(request.url).origin) || request.headers.has("authorization")) return send(request);
    // A stream can be read once only, so such a request is not sent again.
    const again = init?.body instanceof ReadableStream ? null : request.clone();
    const token = await this.token();
    const answer = await this.#authorized(request, token, init);
    if (answer.status !== 401 || !again) return answer;
    // An API of another origin may hide this header from us; then each 401 counts.
    const said = answer.headers.get("www-authenticate");
    if (said !== null && !said.includes("invalid_token")) return answer;
    return this.#authorized(again, await this.token(token), init);
  }

  async signOut() {
    this.#leave(signedOut());
    // All that sets the cookie takes turns, so none of it comes after this.
    await this.#locked(() => patiently(() => this.#post("/auth/logout", {}, { keepalive: true })));
  }

  async signOutEverywhere() {
    const answer = await this.fetch(`${this.#base}/auth/logout-everywhere`, { method: "POST" });
    if (!answer.ok) throw await problem(answer);
    await this.signOut();
  }

  close() {
    this.#closed.abort();
    this.#suspend();
    this.#out = true;
  }

  /** @param {Request} request @param {string} token @param {RequestInit} [init] */
  async #authorized(request, token, init) {
    const { signal } = this.#session;
    const { redirect, referrer, referrerPolicy } = request;
    request.headers.set("authorization", `Bearer ${token}`);
    // Browsers before 2023 took the header along to another origin, so a redirect is followed for who asks only.
    const refuse = redirect === "follow" && init?.redirect !== "follow";
    const answer = await send(request, {
      redirect: refuse ? "manual" : redirect,
      signal: AbortSignal.any ? AbortSignal.any([request.signal, signal]) : request.signal,
      referrer,
      referrerPolicy,
    }).catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
    if (signal.aborted) throw signal.reason;
    if (refuse && answer.type === "opaqueredirect") {
      throw new AuthError("redirect_refused", `${request.url} redirects, and the token is not taken along.`);
    }
    return answer;
  }

  /** @param {string} [stale] the token to replace; undefined where there is none */
  #refresh(stale) {
    if (this.#wait && performance.now() < this.#wait.until) return Promise.reject(this.#wait.error);
    const { signal } = this.#session;
    const mine = (this.#refreshing ??= this.#locked(() => this.#refreshNow(signal, stale), signal).finally(() => {
      if (this.#refreshing === mine) this.#refreshing = null;
    }));
    return mine;
  }

  /** @param {AbortSignal} signal @param {string} [stale] */
  async #refreshNow(signal, stale) {
    // Another tab may have been faster, and told us while we waited for our turn.
    if (usable(this.#lease) && this.#lease.token !== stale) return;
    let asked = clocks();
    /** @type {Tokens} */ let tokens;
    try {
      tokens = await patiently(() => ((asked = clocks()), this.#post("/auth/refresh", {}, { signal })));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof AuthError && error.code === "invalid_grant") this.#leave(error);
      else if (error instanceof AuthError && error.retryAfter) {
        this.#wait = { until: performance.now() + error.retryAfter * 1000, error };
      }
      throw error;
    }
    if (signal.aborted) throw signal.reason;
    this.#keep(lease(tokens, asked));
    this.#tell("refreshed");
    this.#emit("refreshed");
  }

  /** A sign-in whose cookie the browser does not keep would end without a word. @param {string} token */
  async #checkCookie(token) {
    try {
      await patiently(() => this.#post("/auth/refresh", {}));
    } catch (error) {
      if (!(error instanceof AuthError) || error.code !== "invalid_grant") throw error;
      const headers = { authorization: `Bearer ${token}` };
      await send(`${this.#base}/auth/logout`, { method: "POST", headers }).catch(() => {});
      throw new AuthError("cookies_blocked", "The browser keeps no cookie of the sign-in server, or is on another site.");
    }
  }

  /**
   * @param {string} path @param {object} body @param {{signal?: AbortSignal, keepalive?: boolean}} [more]
   * @returns {Promise<Tokens>}
   */
  async #post(path, body, { signal, keepalive = false } = {}) {
    if (signal?.aborted) throw signal.reason;
    const limit = new AbortController();
    const stop = () => limit.abort();
    const timer = setTimeout(stop, REQUEST_MS);
    signal?.addEventListener("abort", stop);
    try {
      const answer = await send(this.#base + path, {
        method: "POST",
        credentials: "include",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        keepalive,
        signal: limit.signal,
        headers: { "content-type": "application/json", "x-tokenward": "1" },
        body: JSON.stringify({ ...body, delivery: "cookie" }),
      });
      if (!answer.ok) throw await problem(answer);
      return await answer.json();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof AuthError) throw error;
      throw new AuthError("network_error", "The sign-in server cannot be reached.", { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** One at a time over all tabs, in the order they asked. Without Web Locks the server makes refreshes one.
   * @template T @param {() => Promise<T>} work @param {AbortSignal} [signal] @returns {Promise<T>} */
  async #locked(work, signal) {
    const { locks } = navigator;
    if (!locks) return work();
    const free = await locks.request(this.#name, { ifAvailable: true }, async (lock) => lock && { done: await work() });
    if (free) return free.done;
    return locks.request(this.#name, signal ? { signal } : {}, async () => {
      // What the tab before us tells may arrive a little after its turn ended.
      await sleep(50);
      return work();
    });
  }

  /** @param {Lease} lease */
  #keep(lease) {
    this.#lease = lease;
    this.#wait = null;
    this.#failures = 0;
    this.#schedule(lease.life - age(lease) - lead(lease) * (1 + Math.random() / 2));
  }

  /** @param {Lease} lease @param {User} user */
  #enter(lease, user) {
    // Somebody else's requests must not end in this session.
    if (this.#user && this.#user.id !== user.id) this.#end(signedOut());
    this.#out = false;
    this.#user = user;
    this.#keep(lease);
    this.#emit("signed-in", { user });
  }

  /** @param {AuthError} reason */
  #end(reason) {
    this.#lease = this.#user = this.#refreshing = this.#wait = null;
    clearTimeout(this.#timer);
    const session = this.#session;
    this.#session = new AbortController();
    session.abort(reason);
  }

  /** @param {AuthError} reason @param {boolean} [told] by another tab */
  #leave(reason, told = false) {
    const known = this.#lease !== null || this.#user !== null;
    this.#out = true;
    this.#end(reason);
    if (!told && (known || reason.code === "signed_out")) this.#channel?.postMessage({ type: "signed-out" });
    if (known) this.#emit("signed-out", { code: reason.code });
  }

  #listen() {
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => {
      if (data.type === "signed-out") this.#leave(signedOut(), true);
      // A page in the background may hear of it much later, and the clocks of two pages began at different times.
      else {
        const past = Date.now() - data.sent + data.age;
        const got = { token: data.token, life: data.life, monotonic: performance.now() - past, wall: Date.now() - past };
        if (data.type === "signed-in") this.#enter(got, data.user);
        else if (!this.#out) this.#keep(got);
      }
    };
  }

  /** @param {"signed-in" | "refreshed"} type */
  #tell(type) {
    if (!this.#lease) return;
    const { token, life } = this.#lease;
    this.#channel?.postMessage({ type, token, life, age: age(this.#lease), sent: Date.now(), user: this.#user });
  }

  /** @param {string} type @param {object} [detail] */
  #emit(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {number} ms */
  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(ms, 0), 3_600_000));
  }

  /** Refreshes if it is time. A page that nobody sees does not: its session may rest, and ends as others do. */
  #wake() {
    const lease = this.#lease;
    if (!lease || this.#out || document.hidden) return;
    const left = lease.life - age(lease) - lead(lease);
    if (left > 0) return this.#schedule(left);
    this.#refresh(lease.token).catch((error) => {
      if (this.#out || this.#lease !== lease) return;
      this.#emit("error", { error });
      this.#schedule(Math.max(pause(++this.#failures), (error.retryAfter || 0) * 1000));
    });
  }

  #suspend() {
    clearTimeout(this.#timer);
    this.#lease = null;
    this.#channel?.close();
    this.#channel = null;
  }

  #resume() {
    this.#listen();
    if (!this.#user || this.#out) return;
    this.restore().catch((error) => this.#emit("error", { error }));
  }
}

/** Both clocks, as a request is sent. */
const clocks = () => ({ monotonic: performance.now(), wall: Date.now() });

/** @param {Tokens} tokens @param {{monotonic: number, wall: number}} asked @returns {Lease} */
const lease = (tokens, asked) => ({ token: tokens.access_token, life: tokens.expires_in * 1000, ...asked });

/** @typedef {import("./tokenward.d.ts").Auth} Described */

/** @param {import("./tokenward.d.ts").AuthOptions} options @returns {Described} */
export function createAuth(options) {
  /** @type {Omit<Described, "addEventListener" | "removeEventListener">} */
  const auth = new Auth(options);
  return /** @type {Described} */ (auth);
}
