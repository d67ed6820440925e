// What strangers write stays text: no page takes any of it for markup. The walk is made twice: as browsers see us, and with our own policy
// for scripts switched off, so that the escaping stands alone. First each of the texts shows that it would do harm where nobody escapes it.

import { base, check, complain, inTurns, pagesOf, place, play, ask, timed, visitor } from "./lib.mjs";

play(async (browser) => {
  await timed("each does harm", () => inTurns(3, groups(place.vectors, 6).map((vectors) => () => bites(browser, vectors))));
  const accounts = place.accounts.filter((account) => ["owner", "domain-admin"].includes(account.role));
  const tasks = [];
  for (const [account, door] of [[undefined, "Admin"], [undefined, "Public"], [place.anna, "Public"], ...accounts.map((one) => [one, "Admin"])]) {
    const { pages } = await pagesOf(door, account);
    for (const bypassCSP of [true, false]) tasks.push(() => walk(browser, account, pages, bypassCSP));
  }
  // Whoever sees most sees every mail that was sent, on every page there is of it; all are read, and some are shown.
  const owner = accounts.find((account) => account.role === "owner");
  const most = { perRoute: 2 * place.vectors.length, perQuery: place.vectors.length };
  const { pages: all } = await timed("all pages of all mails", () => pagesOf("Admin", owner, most));
  check(all.length > 2 * place.vectors.length, `${all.length} pages only`);
  await timed(`${all.length} pages are read`, () => read(browser, all));
  const some = all.filter((_, number) => number % 9 === 0);
  for (const pages of groups(some, 3)) tasks.push(() => walk(browser, owner, pages, true));
  await timed("shown", () => inTurns(3, tasks));
  await inQueries();
});

/// What the browser makes of pages, without showing them.
async function read(browser, pages) {
  const context = await browser.newContext();
  const page = await context.newPage();
  for (const group of groups(pages, Math.ceil(pages.length / 20))) {
    const found = await page.evaluate(`(bodies => bodies.map((body) => (${signs})(new DOMParser().parseFromString(body, "text/html"))))(${JSON.stringify(group.map(({ body }) => body))})`);
    for (const [number, { path }] of group.entries()) {
      for (const sign of found[number]) complain(`read ${path}: ${sign}`);
    }
  }
  await context.close();
}

/// Each page as it is, and those that are routes of their own once more, with a text in their query.
async function walk(browser, account, pages, bypassCSP) {
  // A query may ask for what is not there.
  const context = await visitor(browser, { account, bypassCSP, ignore: ["status of 404"] });
  const page = await context.newPage();
  const who = `${account?.name ?? "nobody"}${bypassCSP ? ", escaping alone" : ""}`;
  for (const [number, { door, path }] of pages.entries()) {
    const text = encodeURIComponent(place.vectors[(number * 7) % place.vectors.length]);
    const query = ["to", "q", "text", "name", "sender", "recipient", "subject", "id"].map((name) => `${name}=${text}`).join("&");
    const isRoute = place.routes.some((route) => route.path === path);
    for (const url of [base(door) + path, ...(isRoute ? [`${base(door)}${path}?${query}`] : [])]) {
      const asked = [];
      const heard = (request) => asked.push(request);
      page.on("request", heard);
      await page.goto(url);
      await page.evaluate(() => new Promise((done) => setTimeout(done, 20)));
      page.off("request", heard);
      // The first is the one that we make; a page that goes elsewhere by itself makes a second. Requests to others are complained of anyway.
      for (const request of asked.slice(1)) {
        const went = request.isNavigationRequest() && request.frame() === page.mainFrame();
        check(!went && !new URL(request.url()).pathname.includes("xss"), `${who} ${path}: asks for ${request.url()}`);
      }
      for (const frame of page.frames()) {
        for (const sign of await frame.evaluate(`(${signs})(document)`)) complain(`${who} ${path}: ${sign}`);
      }
    }
  }
  await context.close();
}

/// What a page has in it that none of ours has. Runs in the page.
function signs(page) {
  const found = window.__xss === undefined ? [] : ["a script has run"];
  const all = (root) => [...root.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  for (const one of all(page)) {
    const name = one.localName;
    const ours = name === "script" ? /^\/(sluss|send)\.js\?[0-9a-f]+$/.test(one.getAttribute("src") ?? "") : true;
    // The page in a frame has one sheet of ours; what a mail says is in its body.
    const sheet = name === "style" && window.top !== window && one.parentElement === page.head;
    const odd = !sheet && ["base", "embed", "object", "frame", "frameset", "style", "math", "marquee", "video", "audio"].includes(name);
    if (!ours || odd || (name === "meta" && one.httpEquiv === "refresh")) found.push(`<${name}>`);
    if (name === "iframe" && !one.sandbox.length && !one.hasAttribute("sandbox")) found.push("a frame without a sandbox");
    for (const { name: attribute, value } of one.attributes) {
      const address = ["href", "xlink:href", "src", "action", "formaction", "data", "values", "to"].includes(attribute);
      const runs = /^[\u0000-\u0020]*(j\s*a\s*v\s*a|v\s*b)\s*s\s*c\s*r\s*i\s*p\s*t\s*:|^\s*data:text/i;
      const leaves = address && name !== "a" && /^\s*(https?:)?\/\//i.test(value);
      if (attribute.startsWith("on") || (address && runs.test(value)) || leaves || attribute === "ping") found.push(`<${name} ${attribute}>`);
    }
  }
  return found;
}

/// A text put raw where texts stand does what it says; of one that does nothing, its absence would prove nothing.
async function bites(browser, vectors) {
  const context = await browser.newContext();
  const page = await context.newPage();
  let harm;
  page.on("dialog", async (dialog) => {
    harm = true;
    await dialog.dismiss();
  });
  await context.route("**/*", async (route) => {
    if (route.request().url() === BARE) return route.fulfill({ contentType: "text/html", body: bare });
    harm ||= route.request().url().includes("xss.example");
    return route.abort();
  });
  let bare;
  for (const vector of vectors) {
    for (const around of PLACES) {
      harm = false;
      bare = around(vector);
      await page.goto(BARE).catch(() => undefined);
      for (let wait = 0; wait < 10 && !harm; wait += 1) {
        harm = await page.evaluate(`(${signs})(document)`).then((found) => found.length > 0).catch(() => true) || harm;
        if (!harm) await new Promise((done) => setTimeout(done, 5));
      }
      if (harm) break;
    }
    check(harm, `this does no harm anywhere, and tests nothing: ${vector}`);
  }
  await context.close();
}

/// The pages that show what was asked for, without a browser: no text of these comes back as it went.
async function inQueries() {
  const calls = place.vectors.filter((vector) => /[<"']/.test(vector)).map((vector) => async () => {
    const to = encodeURIComponent(`/${vector}`);
    for (const path of ["/login", "/login/second"]) {
      const { body } = await ask(`${place.admin}${path}?to=${to}`);
      check(!body.includes(vector) || !/[<"]/.test(vector), `${path} gives back ${vector}`);
    }
  });
  await inTurns(4, calls);
}

function groups(all, count) {
  return Array.from({ length: count }, (_, group) => all.filter((_, number) => number % count === group));
}

const BARE = "http://bare.example/";
const PLACES = [
  (text) => `<!doctype html><title>x</title><p>${text}</p>`,
  (text) => `<!doctype html><title>x</title><input value="${text}">`,
  (text) => `<!doctype html><title>x</title><input value='${text}'>`,
  (text) => `<!doctype html><title>${text}</title><p>x`,
  (text) => `<!doctype html><title>x</title><textarea>${text}</textarea>`,
  (text) => `<!doctype html><title>x</title><!-- ${text} -->`,
];
