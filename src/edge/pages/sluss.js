// Keys and live parts. Every page works without this file; nothing here decides anything.
"use strict";

// Where there is room the menu stands open; browsers that do not know it from the style sheet hear it here.
const menu = document.querySelector(".menu");
if (menu && !CSS.supports("selector(::details-content)")) {
  const room = matchMedia("(min-width: 40.01rem)");
  const fit = () => { menu.open = room.matches; };
  room.addEventListener("change", fit);
  fit();
}

// A page that shows what is now looks again, while somebody sees it.
const again = Number(document.body.dataset.again);
if (again > 0) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { redirect: "error", headers: { "X-Again": "1" } });
      if (!answer.ok) return;
      const seen = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("main").replaceChildren(...seen.getElementById("main").childNodes);
    } catch {
      // The gateway is away, or the session has ended: what is shown stays, with its time.
    }
  }, again * 1000);
}

// What can be taken back can be so for some seconds; a button that would come too late goes by itself, and the note that it stands beside.
const fade = () => {
  const [note, undo] = ["#main > .note.good", "#main > .undo"].map((name) => document.querySelector(name));
  const going = undo && "told" in undo.dataset ? [undo] : [note, undo];
  if (undo) setTimeout(() => going.forEach((one) => one?.remove()), Number(undo.dataset.left) * 1000);
};
fade();

// What a mail is to be learned as is asked for in a small window: its first letter answers.
const learn = document.getElementById("learn");
const ask = () => {
  learn.returnValue = "";
  learn.showModal();
};
learn?.addEventListener("keydown", (event) => {
  const act = { s: "learn-spam", w: "learn-wanted" }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  // The same key does something else where the window stood.
  event.preventDefault();
  event.stopPropagation();
  learn.close(act);
});

// The page of one mail by keyboard: its buttons.
const alone = document.querySelector("#mail form.acts");
const isTyping = (event) =>
  event.target.matches("input:not([type=checkbox]), select, textarea") || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null;
if (alone && !document.querySelector(".mails")) {
  const press = (act) => alone.querySelector(`button[name=do][value=${act}]`)?.click();
  const keys = {
    r: () => press("release"),
    d: () => press("delete"),
    a: () => press("allow"),
    b: () => press("block"),
    s: () => press("seen"),
    l: ask,
    u: () => (document.querySelector("button[data-key=u]") ?? alone.querySelector("button[value=undo]"))?.click(),
    "?": () => document.getElementById("keys")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const act = isTyping(event) ? null : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  learn?.addEventListener("close", () => learn.returnValue && press(learn.returnValue));
}

// The list of held mail by keyboard, and the mail beside it. Acts go to the gateway one after another while the hand is at the next mail already;
// when all are answered, the list is as the gateway says.
const list = document.querySelector(".mails");
if (list) {
  const form = document.getElementById("chosen");
  const pane = document.getElementById("pane");
  const mayAct = form.querySelector("button[name=do]") !== null;
  const place = () => location.pathname + location.search;
  const rows = () => [...list.children];
  const atHand = () => list.querySelector("li.here");
  const chosen = () => [...form.querySelectorAll("input[name=id]:checked")];
  const isWide = () => pane !== null && getComputedStyle(pane).display !== "none";

  let asking = new AbortController();
  let soon = 0;
  const show = (row) => {
    clearTimeout(soon);
    asking.abort();
    if (!isWide()) return;
    // Whoever moves on at once did not want to see it.
    soon = setTimeout(async () => {
      asking = new AbortController();
      try {
        const answer = await fetch(`/held/${row.dataset.id}`, { redirect: "error", signal: asking.signal });
        if (!answer.ok || row !== atHand()) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const mail = page.getElementById("mail");
        if (!mail || row !== atHand()) return;
        for (const back of mail.querySelectorAll("input[name=back]")) back.value = place();
        pane.replaceChildren(mail);
      } catch {
        // The page of the mail is still a click away.
      }
    }, 40);
  };
  const goTo = (row) => {
    for (const one of rows()) one.classList.toggle("here", one === row);
    if (!row) {
      const empty = document.createElement("p");
      empty.className = "empty";
      empty.textContent = "Choose a mail.";
      pane?.replaceChildren(empty);
      return;
    }
    row.querySelector("a").focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    show(row);
  };
  const move = (by) => {
    const all = rows();
    const to = all.indexOf(atHand()) + by;
    const next = document.querySelector("a[rel=next]");
    if (to >= all.length && next) {
      sessionStorage.setItem("hand", JSON.stringify({ place: next.pathname + next.search, at: 0 }));
      location.assign(next.href);
    } else if (all.length > 0) {
      goTo(all[Math.max(0, Math.min(to, all.length - 1))]);
    }
  };

  // Where the hand is when the page is left, it is when the page comes back.
  addEventListener("pagehide", () => {
    const row = atHand();
    if (row && list.isConnected) sessionStorage.setItem("hand", JSON.stringify({ place: place(), id: row.dataset.id, at: rows().indexOf(row) }));
  });
  const rowOf = ({ id, at }) => {
    const all = rows();
    return all.find((row) => row.dataset.id === id) ?? all[Math.min(at, all.length - 1)];
  };

  let waiting = 0;
  let last = Promise.resolve();
  let latest = null;
  let returned = "";
  const failures = [];
  const undoable = [document.querySelector("#main > .undo input[name=ids]")?.value].filter(Boolean);
  const say = (page) => {
    for (const old of document.querySelectorAll("#main > .note, #main > .undo")) old.remove();
    const [note, undo] = [page.querySelector("#main > .note"), page.querySelector("#main > .undo")];
    const bad = failures.splice(0).filter((text) => text !== note?.textContent);
    const lines = bad.map((text) => {
      const line = document.createElement("p");
      line.className = "note bad";
      line.setAttribute("role", "status");
      line.textContent = text;
      return line;
    });
    document.getElementById("main").prepend(...[...lines, note, undo].filter(Boolean));
    fade();
  };
  const settle = (page) => {
    say(page);
    const row = atHand();
    const hand = row && { id: row.dataset.id, at: rows().indexOf(row) };
    const marked = new Set(chosen().map((box) => box.value));
    list.replaceChildren(...page.querySelector(".mails").children);
    for (const box of form.querySelectorAll("input[name=id]")) box.checked = marked.has(box.value);
    for (const part of [".bar > p", ".pages"]) {
      const [old, now] = [document.querySelector(part), page.querySelector(part)];
      if (old && now) old.replaceWith(now);
    }
    form.querySelector(".empty")?.remove();
    const empty = page.querySelector("#chosen > .empty");
    if (empty) list.before(empty);
    const back = returned ? rows().find((one) => one.dataset.id === returned) : undefined;
    returned = "";
    if (back) goTo(back);
    else if (hand) goTo(rowOf(hand));
  };
  const take = (page) => {
    const note = page.querySelector("#main > .note");
    if (note?.classList.contains("bad")) failures.push(note.textContent);
    // An act before this one is known already.
    const undo = page.querySelector("#main > .undo:not([data-told]) input[name=ids]")?.value;
    if (undo) undoable.push(undo);
    if (!page.querySelector(".mails")) {
      // It is more than the row said: the page that asks whether to.
      document.getElementById("main").replaceChildren(...page.getElementById("main").childNodes);
      document.querySelector("#main [autofocus]")?.focus();
    } else {
      latest = page;
    }
  };
  // What is asked for follows from what was answered before: `fields` says it when its turn comes; nothing, if there is nothing to do.
  const send = (fields) => {
    waiting += 1;
    last = last.then(async () => {
      const asked = fields();
      if (asked) {
        const body = new URLSearchParams([["csrf", form.elements.csrf.value], ["back", place()], ...asked]);
        const answer = await fetch("/held/act", { method: "POST", body });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (!answer.ok || !page.getElementById("main")) throw new Error(answer.statusText);
        take(page);
      }
      waiting -= 1;
      if (waiting > 0 || !latest || !list.isConnected) return;
      settle(latest);
      latest = null;
    }).catch(() => location.reload());
  };

  const press = (act) => {
    if (!mayAct || !list.isConnected) return;
    const [row, boxes] = [atHand(), chosen()];
    if (boxes.length === 0 && !row) return;
    const group = boxes.length === 0 ? row.dataset.group : undefined;
    const touched = boxes.length > 0 ? boxes.map((box) => box.closest("li")) : [row];
    if (boxes.length === 0 && "dangerous" in row.dataset && (act === "release" || act === "allow")) {
      const why = isWide() && pane.querySelector(`[data-id="${row.dataset.id}"] input[name=why]`);
      if (why) why.focus();
      else location.assign(`/held/${row.dataset.id}`);
      return;
    }
    const what = group ? [["group", group], ["organisation", row.dataset.organisation], ["seen", row.dataset.mails]] : touched.map((one) => ["id", one.dataset.id]);
    const all = rows();
    const begin = row ?? touched[0];
    const after = all.slice(all.indexOf(begin));
    send(() => [["do", act], ...what]);
    if (act.startsWith("learn")) {
      // What is learned stays in the list: the hand goes on to the next.
      for (const box of boxes) box.checked = false;
      if (boxes.length === 0) goTo(after[1] ?? begin);
      return;
    }
    const next = after.find((one) => !touched.includes(one)) ?? all.filter((one) => !touched.includes(one)).pop();
    for (const one of touched) one.remove();
    goTo(next);
  };
  const undo = () =>
    mayAct && send(() => {
      const ids = undoable.pop();
      if (ids === undefined) return null;
      [returned] = ids.split(" ");
      return [["do", "undo"], ["ids", ids]];
    });
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: () => { const box = atHand()?.querySelector("input[name=id]"); if (box && !box.disabled) box.checked = !box.checked; },
    "*": () => { const all = chosen().length === 0; for (const box of form.querySelectorAll("input[name=id]:enabled")) box.checked = all; },
    r: () => press("release"),
    d: () => press("delete"),
    a: () => press("allow"),
    b: () => press("block"),
    s: () => press("seen"),
    l: () => { if (mayAct && (atHand() || chosen().length > 0)) ask(); },
    e: () => { const link = atHand()?.querySelector("a"); if (link) location.assign(link.href); },
    u: undo,
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const act = isTyping(event) || !list.isConnected ? null : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  learn?.addEventListener("close", () => learn.returnValue && press(learn.returnValue));
  // Out of the search and back to the list, whose keys are heard again; what was written stays.
  for (const field of document.querySelectorAll(".search input")) {
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      const row = atHand();
      if (row) row.querySelector("a").focus();
      else field.blur();
    });
  }
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li");
    // Enter on the link opens the page of the mail, a press of the mouse shows it beside the list.
    if (!row || !event.target.closest("a") || row.dataset.group || event.detail === 0) return;
    if (!isWide() || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goTo(row);
  });
  const before = JSON.parse(sessionStorage.getItem("hand") ?? "null");
  sessionStorage.removeItem("hand");
  if (before?.place === place() && rows().length > 0) goTo(rowOf(before));
}
