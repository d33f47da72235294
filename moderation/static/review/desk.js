// The desk works without this file; with it, the next card is there at once, and keys decide.
import { drop, refill } from "./ahead.js";
import { decide, inTransit, leave, undo } from "./decide.js";
import { keysOf } from "./keys.js";
import { release, start } from "./live.js";
import { say, stage } from "./page.js";
import { go } from "./swap.js";

const onekey = document.getElementById("onekey");
const find = (selector) => document.querySelector(selector);

function help() {
  const dialog = document.getElementById("help");
  if (dialog && !dialog.open) dialog.showModal();
}

function peek(button) {
  const field = document.getElementById("password");
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

function nextQueue() {
  const links = [...document.querySelectorAll("#rail-queues + ul a")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  return links[(at + 1) % links.length];
}

// What an act is, where it is more than the button that bears its name.
const ACTS = {
  next: () => leave(find("#main a[data-key=j]")),
  previous: () => { const link = find("#main a[data-key=k]"); if (link) go(link.href); },
  reader: () => find("#main a[data-key=h]")?.click(),
  article: () => find("#main a.headline")?.click(),
  thread: () => find("#main [data-act=thread]")?.click(),
  queue: () => { const link = nextQueue(); if (link) go(link.href); },
  guide: help,
};

export function act(name) {
  if (name in ACTS) return ACTS[name]();
  const button = find(`#main [data-act="${name}"]:not([disabled])`);
  if (!button) return false;
  return button.click();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-act]");
  if (target?.dataset.act === "help") help();
  if (target?.dataset.act === "peek") peek(target);
  const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0;
  const link = plain && event.target.closest("#main .rd-next a, #main a[data-key=j], #main a[data-key=k]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.key === "j") leave(link);
  else go(link.href);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("#decide, #undo-form") || form.dataset.plain) return;
  event.preventDefault();
  if (form.id === "decide") decide(form, event.submitter);
  else undo(form);
});

// The suggested reason gets the focus, so that Enter takes it; the page moves no further than the picker needs.
document.addEventListener("toggle", (event) => {
  const { target } = event;
  if (!target.matches?.("#main details.rd-pick") || !target.open) return;
  target.querySelector(".is-suggested")?.focus({ preventScroll: true });
  target.querySelector(".rd-pop")?.scrollIntoView({ block: "nearest" });
}, true);

// Another page in the frame: what was in hand belonged to the place before.
document.addEventListener("desk:page", () => {
  release(drop().filter((id) => id !== stage()?.dataset.id));
  refill(inTransit());
});

document.addEventListener("keydown", keysOf({ act, palette: () => act("search"), on: () => onekey?.checked ?? true }));

if (onekey) {
  onekey.checked = localStorage.getItem("single-keys") !== "off";
  onekey.addEventListener("change", () => {
    localStorage.setItem("single-keys", onekey.checked ? "on" : "off");
    say(onekey.checked ? "Single keys are on" : "Single keys are off");
  });
}
if (document.getElementById("rail")) {
  start();
  refill(inTransit());
}
