// Every page as each role sees it: on a desktop and a telephone, light and dark, by keyboard, narrow, and without scripts.

import { mkdirSync } from "node:fs";
import { AXE, DESKTOP, NARROW, PHONE, ask, base, check, inTurns, pagesOf, place, play, timed, visitor } from "./lib.mjs";

/// The views of whoever sees most, with a picture each; others look once.
const VIEWS = [
  { name: "desktop-light", viewport: DESKTOP, colorScheme: "light", axe: true },
  { name: "phone-light", viewport: PHONE, colorScheme: "light", axe: false },
  { name: "desktop-dark", viewport: DESKTOP, colorScheme: "dark", axe: false },
  { name: "phone-dark", viewport: PHONE, colorScheme: "dark", axe: true },
];
const ONE_VIEW = [{ name: "phone-dark", viewport: PHONE, colorScheme: "dark", axe: true, picture: false }];

play(async (browser) => {
  mkdirSync(place.screenshots, { recursive: true });
  const { pages: open, refused: closed } = await pagesOf("Public", place.anna);
  const { pages: atDoor } = await pagesOf("Admin");
  const { pages: front } = await pagesOf("Public");
  check(open.length > 0 && atDoor.length > 0 && front.length > 0, "there are pages for whoever comes");
  everyRouteIsSeen("Public", open, closed);
  const nobody = [...atDoor, ...front.filter((page) => !page.path.startsWith("/m/"))];
  const tasks = [];
  const add = (what, task) => tasks.push(() => timed(what, task));
  // Axe looks at each page as whoever sees most sees it, and again where others see what those have not.
  const known = new Map();
  const order = [...place.accounts].sort((one, other) => (other.role === "owner") - (one.role === "owner"));
  for (const account of order) {
    const { pages, refused } = await pagesOf("Admin", account, account.role === "owner" ? {} : { perRoute: 1, perQuery: 0 });
    const most = account.role === "owner";
    if (most) everyRouteIsSeen("Admin", pages, refused);
    // Once logged in, the pages for logging in are what they were.
    const own = pages.filter((page) => !page.path.startsWith("/login"));
    if (most) {
      for (const [number, part] of halves(own).entries()) add(`owner ${number}`, () => walk(browser, "owner", account, part, VIEWS, known));
      const each = [...new Map(own.map((page) => [page.route, page])).values()];
      for (const [number, part] of halves(each).entries()) add(`keyboard ${number}`, () => byKeyboard(browser, account, part));
      add("without scripts", () => withoutScripts(browser, account, each));
    } else add(account.name, () => walk(browser, account.name, account, own, ONE_VIEW, known));
  }
  add("anna", () => walk(browser, "anna", place.anna, open, VIEWS, known));
  add("nobody", () => walk(browser, "nobody", undefined, nobody, VIEWS, known));
  await inTurns(3, tasks);
});

function halves(all) {
  return [0, 1].map((half) => all.filter((_, number) => number % 2 === half));
}

/// An owner reaches every page, and anybody every public one; what nothing leads to wants a path in ground.rs.
function everyRouteIsSeen(door, pages, refused) {
  for (const { path, code } of refused) check(code === 303 && ["/", "/login", "/login/second"].includes(path), `${path} is answered with ${code}`);
  for (const route of place.routes) {
    if (route.door !== door || route.method !== "GET" || !route.path.includes("{")) continue;
    const reached = pages.some((page) => page.route === route.path) || place.notPages.includes(route.path);
    check(reached, `no page leads to ${route.path}: name one in \`paths\` of ground.rs, or in NOT_PAGES if it is none`);
  }
}

async function walk(browser, who, account, pages, views, known) {
  const context = await visitor(browser, { account });
  const page = await context.newPage();
  const assets = await assetBytes(account);
  for (const { door, path, route, bytes } of pages) {
    check(bytes + assets <= 100 << 10, `${who} ${path}: ${bytes + assets} octets are more than a page should be`);
    await page.goto(base(door) + path);
    const fresh = await isNew(page, known, route);
    for (const view of views) {
      await page.setViewportSize(view.viewport);
      await page.emulateMedia({ colorScheme: view.colorScheme });
      const where = `${who} ${view.name} ${path}`;
      if (view.viewport === PHONE) await staysInside(page, where);
      if (view.axe && fresh) await isAccessible(page, where);
      if (view.picture !== false) {
        await page.screenshot({ path: `${place.screenshots}/${who}${fileName(path)}-${view.name}.png`, fullPage: true });
      }
    }
    await page.setViewportSize(NARROW);
    await staysInside(page, `${who} narrow ${path}`);
  }
  await context.close();
}

/// Has this page a kind of element that it had for nobody before?
async function isNew(page, known, route) {
  const kinds = await page.evaluate(() => {
    const kind = (one) => `${one.parentElement?.localName} ${one.localName} ${one.className} ${[...one.attributes].map(({ name }) => name)}`;
    return [...new Set([...document.querySelectorAll("*")].map(kind))];
  });
  const seen = known.get(route) ?? new Set();
  known.set(route, seen);
  const before = seen.size;
  for (const kind of kinds) seen.add(kind);
  return seen.size > before;
}

async function assetBytes() {
  const sizes = await Promise.all(["/sluss.css", "/sluss.js", "/icon.svg"].map((path) => ask(place.admin + path)));
  return sizes.reduce((sum, answer) => sum + answer.bytes, 0);
}

function fileName(path) {
  return path.replaceAll(/[^a-z0-9]+/gi, "_").slice(0, 80);
}

/// Nothing makes the whole page scroll sideways; a wide table scrolls in its own box.
async function staysInside(page, where) {
  const { wide, seen, most } = await page.evaluate(() => {
    const right = (one) => one.getBoundingClientRect().right;
    const out = [...document.querySelectorAll("main *")].filter((one) => right(one) > innerWidth && !one.closest(".wide"));
    return { wide: document.documentElement.scrollWidth, seen: innerWidth, most: out.slice(-3).map((one) => one.outerHTML.slice(0, 120)) };
  });
  check(wide <= seen, `${where}: ${wide} pixels wide on a screen of ${seen}: ${most.join("\n  ")}`);
}

async function isAccessible(page, where) {
  // Running the text of axe as an evaluation needs nothing that the page's policy forbids.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ impact, id, nodes }) => ({ impact, id, nodes: nodes.slice(0, 3).map((node) => node.target.join(" ")) }));
  });
  for (const { impact, id, nodes } of found) {
    check(!["serious", "critical"].includes(impact), `${where}: axe finds ${impact} ${id} at ${nodes.join(", ")}`);
  }
}

/// Tab reaches all there is to press and to fill in, one sees where one is, and the first stop leads past the menu.
async function byKeyboard(browser, account, pages) {
  const context = await visitor(browser, { account });
  const page = await context.newPage();
  for (const { path } of pages) {
    await page.goto(place.admin + path);
    const { count, dates } = await page.evaluate(markStops);
    await page.evaluate(() => document.activeElement?.blur());
    const reached = new Set();
    // A date has several stops: day, month, year and a calendar.
    for (let press = 0; press < count + 3 * dates + 3 && reached.size < count; press += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(whereAmI);
      if (stop.number === undefined) continue;
      reached.add(stop.number);
      check(stop.visible, `keyboard ${path}: one does not see that one is at ${stop.what}`);
    }
    check(reached.size === count, `keyboard ${path}: Tab reaches ${reached.size} of ${count}`);
    await skips(page, path);
  }
  await context.close();
}

/// Numbers everything that can be pressed or filled in; of radio buttons, one of each name. Runs in the page.
function markStops() {
  const names = new Set();
  const stops = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((one) => {
    const group = one.type === "radio" ? `${one.form?.action} ${one.name}` : undefined;
    const again = group !== undefined && names.has(group);
    names.add(group);
    // A field for a password manager alone is no stop for anybody, and nobody hears of it.
    const forPrograms = one.tabIndex < 0 && one.getAttribute("aria-hidden") === "true";
    return !again && !forPrograms && !one.disabled && one.type !== "hidden" && one.checkVisibility();
  });
  stops.forEach((one, number) => (one.dataset.stop = number));
  return { count: stops.length, dates: stops.filter((one) => one.type === "date").length };
}

/// Runs in the page.
function whereAmI() {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const { width, height, bottom, right } = at.getBoundingClientRect();
  const radio = at.type === "radio" ? document.querySelector(`[data-stop][name="${CSS.escape(at.name)}"]`) : at;
  return {
    number: radio?.dataset.stop,
    what: at.outerHTML.slice(0, 120),
    visible: outlined && width > 0 && height > 0 && bottom > 0 && right > 0,
  };
}

async function skips(page, path) {
  await page.goto(place.admin + path);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.className);
  check(first === "skip", `keyboard ${path}: the first stop is not the link past the menu`);
  await page.keyboard.press("Enter");
  const inMain = await page.evaluate(() => document.activeElement.id === "main");
  check(inMain, `keyboard ${path}: the link past the menu does not lead to the content`);
}

/// The same words stand there without scripts; figures may differ, for time goes on.
async function withoutScripts(browser, account, pages) {
  const [context, plain] = [await visitor(browser, { account }), await visitor(browser, { account, javaScriptEnabled: false })];
  const [page, still] = [await context.newPage(), await plain.newPage()];
  for (const { path } of pages) {
    const texts = [];
    for (const one of [page, still]) {
      await one.goto(place.admin + path);
      texts.push((await one.locator("main").innerText()).replaceAll(/\d+/g, "0").replaceAll(/\s+/g, " "));
    }
    check(texts[0] === texts[1] && texts[0] !== "", `without scripts ${path}: ${texts[1]}\nand with them: ${texts[0]}`);
  }
  await context.close();
  await plain.close();
}
