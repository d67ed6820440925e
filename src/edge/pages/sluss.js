// Keys and live parts. Every page works without this file; nothing here decides anything.
"use strict";

// A press that cannot be taken back is asked about once more.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sure]");
  if (button && !window.confirm(button.dataset.sure)) event.preventDefault();
});

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

// The list of held mail by keyboard, and the mail beside it.
const list = document.querySelector(".mails");
if (list) {
  const rows = () => [...list.children];
  let here = -1;
  const pane = document.getElementById("pane");
  const show = async (row) => {
    if (!pane || getComputedStyle(pane).display === "none") return;
    try {
      const answer = await fetch(`/held/${row.dataset.id}`, { redirect: "error" });
      if (!answer.ok || rows()[here] !== row) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const mail = page.getElementById("mail");
      if (!mail) return;
      for (const back of mail.querySelectorAll("input[name=back]")) back.value = location.pathname + location.search;
      pane.replaceChildren(mail);
    } catch {
      // The page of the mail is still a click away.
    }
  };
  const go = (to) => {
    const all = rows();
    if (all.length === 0) return;
    here = Math.max(0, Math.min(to, all.length - 1));
    for (const row of all) row.classList.toggle("here", row === all[here]);
    const link = all[here].querySelector("a");
    link.focus({ preventScroll: true });
    all[here].scrollIntoView({ block: "nearest" });
    show(all[here]);
  };
  const form = document.getElementById("chosen");
  const press = (act) => {
    const row = rows()[here];
    const chosen = form.querySelector("input[name=id]:checked");
    if (!chosen && row?.dataset.group) {
      const button = form.querySelector(`button[value="${act} ${row.dataset.group}"]`);
      if (button) form.requestSubmit(button);
      return;
    }
    if (!chosen && row) {
      const box = row.querySelector("input[name=id]");
      if (!box || box.disabled) return;
      box.checked = true;
    }
    const button = form.querySelector(`button[name=do][value=${act}]`);
    if (button && form.querySelector("input[name=id]:checked")) {
      // What is learned stays in the list: the hand goes on to the next.
      sessionStorage.setItem("here", String(act.startsWith("learn") ? here + 1 : here));
      form.requestSubmit(button);
    }
  };
  const keys = {
    j: () => go(here + 1),
    k: () => go(here - 1),
    x: () => { const box = rows()[here]?.querySelector("input[name=id]"); if (box && !box.disabled) box.checked = !box.checked; },
    r: () => press("release"),
    d: () => press("delete"),
    a: () => press("allow"),
    b: () => press("block"),
    s: () => press("seen"),
    l: () => { if (form?.querySelector("button[name=do]") && (rows()[here] || form.querySelector("input[name=id]:checked"))) ask(); },
    e: () => { const link = rows()[here]?.querySelector("a"); if (link) location.assign(link.href); },
    u: () => document.querySelector("button[data-key=u]")?.click(),
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const act = isTyping(event) ? null : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  learn?.addEventListener("close", () => learn.returnValue && press(learn.returnValue));
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li");
    if (!row || !event.target.closest("a") || row.dataset.group) return;
    if (!pane || getComputedStyle(pane).display === "none" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(rows().indexOf(row));
  });
  // Where the hand was before the last act.
  const before = Number(sessionStorage.getItem("here") ?? -1);
  sessionStorage.removeItem("here");
  if (before >= 0) go(before);
}
