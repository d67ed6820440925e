// Coming in and going out, as people do it: password, second factor, recovery code, and a session that is over when it is over.

import { createHmac } from "node:crypto";
import { SESSION, ask, check, place, play, sessionCookie, visitor } from "./lib.mjs";

const { name, password } = place.accounts.find((account) => account.role === "owner");
// A refusal is an answer with a code, and the console says so.
const ignore = ["Failed to load resource"];

play(async (browser) => {
  const context = await visitor(browser, { ignore });
  const page = await context.newPage();
  await passwordAlone(context, page);
  const { secret, codes, used } = await takeSecondFactor(page);
  await logOut(context, page);
  await withSecondFactor(context, page, secret, used);
  await logOut(context, page);
  await withRecoveryCode(context, page, codes);
  await context.close();
});

async function passwordAlone(context, page) {
  await page.goto(`${place.admin}/status?from=mail`);
  check(new URL(page.url()).pathname === "/login", "who is not logged in is asked to");
  const before = await page.evaluate(() => document.activeElement.getAttribute("name"));
  check(before === "name", `the first field has the focus, not ${before}`);
  await fill(page, { name, password: "not this one at all" }, "Log in");
  check((await page.getByRole("alert").innerText()).includes("do not fit together"), "a wrong password is said to be wrong");
  check((await cookie(context)) === undefined, "a wrong password opens nothing");
  await context.addCookies([sessionCookie("A".repeat(43))]);
  await fill(page, { name, password }, "Log in");
  check(page.url() === `${place.admin}/status?from=mail`, `one comes to where one wanted to go, not to ${page.url()}`);
  const set = await cookie(context);
  check(set.value !== "A".repeat(43), "an id that was there before the log-in is not taken over");
  check(set.secure && set.httpOnly && set.sameSite === "Lax" && set.path === "/" && set.expires === -1, `the cookie: ${JSON.stringify(set)}`);
  check((await page.evaluate(() => document.cookie)) === "", "scripts see no cookie");
}

async function takeSecondFactor(page) {
  await page.goto(`${place.admin}/own`);
  const form = page.locator("form[action='/own/second']");
  await form.getByLabel("Present password").fill(password);
  await form.getByRole("button", { name: "Begin" }).click();
  check(await page.getByRole("img").isVisible(), "there is a picture for a camera");
  const secret = await page.locator("code.letters").innerText();
  await fill(page, { code: "000000" }, "Take it into use");
  check(await page.getByRole("alert").isVisible(), "a wrong code is not taken");
  const { code, step } = oneTime(secret, 0);
  await fill(page, { code }, "Take it into use");
  const codes = await page.locator(".codes code").allInnerTexts();
  check(codes.length === 10, `${codes.length} recovery codes`);
  await page.getByRole("link", { name: "I have them" }).click();
  check((await page.locator("main").innerText()).includes("10 recovery codes are left"), "the page of the account knows of them");
  return { secret, codes, used: step };
}

async function withSecondFactor(context, page, secret, used) {
  await fill(page, { name, password }, "Log in");
  check(page.url().startsWith(`${place.admin}/login/second`), "the password alone is not enough");
  check((await cookie(context)) === undefined, "and opens no session");
  await fill(page, { code: codeOf(secret, used) }, "Log in");
  check(await page.getByRole("alert").isVisible(), "a code that was used is not taken again");
  await fill(page, { code: codeOf(secret, used + 1) }, "Log in");
  check(page.url() === `${place.admin}/`, `the second factor opens the door, and one is at ${page.url()}`);
}

async function withRecoveryCode(context, page, codes) {
  for (const [code, good] of [[codes[0].toUpperCase(), true], [codes[0], false], [codes[1].replaceAll("-", " "), true]]) {
    await fill(page, { name, password }, "Log in");
    await fill(page, { code }, "Log in");
    check(((await cookie(context)) !== undefined) === good, `recovery code ${codes.indexOf(code)}: ${page.url()}`);
    if (good) await logOut(context, page);
    else await page.goto(`${place.admin}/login`);
  }
}

/// The session is over for the browser, for its history, and for whoever kept the cookie.
async function logOut(context, page) {
  await page.goto(`${place.admin}/status`);
  const kept = (await cookie(context)).value;
  check((await ask(`${place.admin}/status`, { account: { cookies: { [SESSION]: kept } } })).code === 200, "the cookie is the session");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(`${place.admin}/login`);
  check((await cookie(context)) === undefined, "the cookie is gone");
  check((await ask(`${place.admin}/status`, { account: { cookies: { [SESSION]: kept } } })).code === 303, "and worth nothing to whoever kept it");
  await page.goBack();
  check(new URL(page.url()).pathname === "/login", `the way back shows ${page.url()}`);
  await page.goto(`${place.admin}/login`);
}

async function fill(page, fields, button) {
  for (const [field, value] of Object.entries(fields)) await page.locator(`main [name=${field}]`).fill(value);
  const sent = page.waitForEvent("load");
  await page.locator("main").getByRole("button", { name: button }).click();
  await sent;
}

async function cookie(context) {
  const cookies = await context.cookies(place.admin.replace("http:", "https:"));
  return cookies.find((one) => one.name === SESSION);
}

function oneTime(secret, ahead) {
  const step = Math.floor(Date.now() / 30_000) + ahead;
  return { step, code: codeOf(secret, step) };
}

/// RFC 6238 with RFC 4226 section 5.3: what an authenticator program shows.
function codeOf(secret, step) {
  const moment = Buffer.alloc(8);
  moment.writeBigUInt64BE(BigInt(step));
  const tag = createHmac("sha1", base32(secret)).update(moment).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fff_ffff;
  return String(number % 1_000_000).padStart(6, "0");
}

function base32(letters) {
  const bits = [...letters.replaceAll(" ", "")].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter));
  const text = bits.map((value) => value.toString(2).padStart(5, "0")).join("");
  return Buffer.from(text.match(/.{8}/g).map((octet) => parseInt(octet, 2)));
}
