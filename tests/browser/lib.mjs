// What the scenarios share: the place they play in, a browser, its visitors, and the list of what was wrong.
//
// SLUSS_PLACE names a file of JSON, written by ground.rs: the addresses of both doors, the routes, and accounts with open sessions.

import { readFileSync } from "node:fs";
import http from "node:http";
import { chromium } from "playwright-core";

export const place = JSON.parse(readFileSync(process.env.SLUSS_PLACE, "utf8"));

/// Runs a scene with a browser of its own; whatever it complains of fails the test, all of it at once.
export async function play(scene) {
  const browser = await chromium.launch({
    executablePath: place.chromium,
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
  try {
    await scene(browser);
  } catch (error) {
    complain(error.stack);
  }
  await browser.close();
  console.log(`${Math.round((Date.now() - began) / 1000)} s`);
  for (const text of complaints) console.error(text);
  process.exit(complaints.size === 0 ? 0 : 1);
}

const complaints = new Set();
const began = Date.now();

/// How long a part of a scene took.
export async function timed(what, part) {
  const start = Date.now();
  const result = await part();
  console.log(`${what}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

export function complain(text) {
  complaints.add(text);
}

export function check(good, text) {
  if (!good) complain(text);
}

/// What a visitor does who should see and cause nothing odd: each oddity is complained of, with the page it was on.
export async function visitor(browser, { account, ignore = [], ...view } = {}) {
  // Colours that glide from light to dark would be measured half-way.
  const still = { reducedMotion: "reduce" };
  const context = await browser.newContext({ ...still, viewport: DESKTOP, ...view });
  context.setDefaultTimeout(20_000);
  if (account) await context.addCookies(Object.entries(account.cookies).map(([name, value]) => cookie(account.door, name, value)));
  context.on("page", (page) => watch(page, ignore));
  context.on("serviceworker", (worker) => complain(`a service worker: ${worker.url()}`));
  return context;
}

export function sessionCookie(value) {
  return cookie("Admin", SESSION, value);
}

function cookie(door, name, value) {
  return { name, value, url: base(door).replace("http:", "https:"), secure: true, httpOnly: true, sameSite: "Lax" };
}

function watch(page, ignore) {
  const odd = (text) => {
    if (!ignore.some((part) => text.includes(part))) complain(`${page.url()}: ${text}`);
  };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) odd(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => odd(`a script failed: ${error}`));
  page.on("dialog", async (dialog) => {
    odd(`a dialog says: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!isOurs(request.url())) odd(`a request leaves: ${request.url()}`);
  });
}

export function isOurs(url) {
  return [place.admin, place.public].includes(new URL(url).origin);
}

/// One request without a browser, redirects not followed. A door closes what is idle for long, maybe just when it is used again: as a browser
/// does, what only reads is asked once more then.
export async function ask(url, options = {}) {
  try {
    return await askOnce(url, options);
  } catch (error) {
    if (!error.wasIdle || (options.method ?? "GET") !== "GET") throw error;
    return askOnce(url, options);
  }
}

function askOnce(url, { method = "GET", account, fields = {} } = {}) {
  const cookies = Object.entries(account?.cookies ?? {}).map(([name, value]) => `${name}=${value}`);
  const headers = account ? { Cookie: cookies.join("; "), ...fields } : fields;
  return new Promise((done, failed) => {
    const request = http.request(url, { method, agent, headers, timeout: 20_000 }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", failed);
      answer.on("end", () => {
        const body = Buffer.concat(parts);
        done({ code: answer.statusCode, fields: answer.headers, bytes: body.length, body: body.toString("utf8") });
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer from ${url}`)));
    request.on("error", (error) => failed(Object.assign(error, { wasIdle: request.reusedSocket && error.code === "ECONNRESET" })));
    request.end();
  });
}

// The public door gives one address no more than eight connections, and the browser wants some.
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

/// The pages of a door that somebody can reach: the routes, the paths that the test names, and of each route the first few that pages link
/// to, with other variable parts; one with another query, unless more are wanted.
export async function pagesOf(door, account, { perRoute = 2, perQuery = 1 } = {}) {
  const routes = place.routes.filter((route) => route.door === door && route.method === "GET");
  const named = place.paths.filter((one) => one.door === door).map((one) => one.path);
  const waiting = [...routes.map((route) => route.path).filter((path) => !path.includes("{")), ...named];
  const [seen, pages, taken, refused] = [new Set(waiting), [], new Map(), []];
  for (const path of waiting) {
    const route = routeOf(routes, path);
    if (place.notPages.includes(route?.path)) continue;
    const answer = await ask(base(door) + path, { account });
    if (answer.code !== 200) refused.push({ path, code: answer.code });
    if (answer.code !== 200 || !isPage(answer)) continue;
    pages.push({ door, path, route: route.path, bytes: answer.bytes, body: answer.body });
    for (const link of links(base(door) + path, answer.body)) {
      const to = routeOf(routes, link);
      const count = taken.get(to) ?? 0;
      if (!to || seen.has(link) || count >= (to.path.includes("{") ? perRoute : perQuery)) continue;
      taken.set(to, count + 1);
      seen.add(link);
      waiting.push(link);
    }
  }
  return { pages, refused };
}

function routeOf(routes, path) {
  const bare = path.split("?")[0];
  return routes.find((route) => route.path === bare) ?? routes.find((route) => pattern(route.path).test(bare));
}

function isPage(answer) {
  return (answer.fields["content-type"] ?? "").startsWith("text/html") && !answer.fields["content-disposition"];
}

function links(from, html) {
  const found = html.matchAll(/<a\b[^>]*?\bhref="([^"#]*)/g);
  const urls = [...found].map((match) => new URL(match[1].replaceAll("&amp;", "&").replaceAll("&#38;", "&"), from));
  return urls.filter((url) => url.origin === new URL(from).origin).map((url) => url.pathname + url.search);
}

export function pattern(path) {
  return new RegExp(`^${path.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{[^}]*\}/g, "[^/]+")}$`);
}

export function base(door) {
  return door === "Admin" ? place.admin : place.public;
}

/// Does these things, so many at a time.
export async function inTurns(most, tasks) {
  const waiting = [...tasks];
  const worker = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) await task();
  };
  await Promise.all(Array.from({ length: most }, worker));
}

export const SESSION = "__Host-sluss";
export const DESKTOP = { width: 1280, height: 850 };
export const PHONE = { width: 390, height: 780 };
/// A desktop window at 400 % (WCAG 2.2, 1.4.10).
export const NARROW = { width: 320, height: 640 };
export const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
