// The next cards, in hand before they are needed. Each is held for us, and let go when we leave.
import { read, stage, token } from "./page.js";

const MOST = 10;
const ENOUGH = 8;
const MOST_PASSED = 20;
let cards = [];
let passed = [];
let asking = null;
let lease = "";

export const inHand = () => cards.map((card) => card.dataset.id);
export const leaseNow = () => [lease, stage()?.dataset.lease ?? ""].sort().at(-1);
export const told = (until) => { if (until > lease) lease = until; };

export function forget(ids) {
  cards = cards.filter((card) => !ids.includes(card.dataset.id));
}

export function pass(id) {
  passed = [...passed.filter((other) => other !== id), id].slice(-MOST_PASSED);
}

export function putBack(card) {
  cards.unshift(card);
}

export function drop() {
  const ids = inHand();
  cards = [];
  return ids;
}

// The next card; where none is in hand yet, the one that is on its way; null at the end of the line.
export async function next(unsaved) {
  if (!cards.length) await refill(unsaved);
  if (!cards.length && passed.length) {
    passed = [];
    await refill(unsaved);
  }
  return cards.shift() ?? null;
}

export const nextAtOnce = () => cards.shift() ?? null;

async function ask(fields) {
  const here = stage();
  if (!here?.dataset.ahead) return [];
  const body = new URLSearchParams({ csrf_token: token(), ...fields });
  const answer = await fetch(here.dataset.ahead, { method: "POST", body });
  if (!answer.ok) return [];
  told(answer.headers.get("X-Lease") ?? "");
  return [...(await read(answer)).querySelectorAll("section[data-id]")].map((section) => {
    const card = document.adoptNode(section.querySelector(".rd-stage"));
    card.row = document.adoptNode(section.querySelector("li[data-id]"));
    return card;
  });
}

// Ask for more while few are in hand; one question at a time.
export function refill(unsaved = []) {
  if (asking) return asking;
  if (cards.length >= ENOUGH) return Promise.resolve();
  const here = stage();
  const have = [...inHand(), ...unsaved, ...passed].slice(-40).join(",");
  asking = ask({ after: here?.dataset.id ?? "", have, count: String(MOST - cards.length) })
    .then((found) => {
      const known = new Set([...inHand(), ...unsaved, stage()?.dataset.id]);
      cards.push(...found.filter((card) => !known.has(card.dataset.id) && card.dataset.queue === stage()?.dataset.queue));
      extend();
    }, () => {})
    .finally(() => { asking = null; });
  return asking;
}

// One card as it is now, where it still waits.
export async function again(id) {
  try {
    return (await ask({ one: id }))[0] ?? null;
  } catch {
    return null;
  }
}

// The list of what comes next grows at its end only.
function extend() {
  const list = document.getElementById("next");
  if (!list) return;
  for (const card of cards) {
    if (list.querySelectorAll("li[data-id]").length >= MOST) return;
    if (list.querySelector(`li[data-id="${card.dataset.id}"]`)) continue;
    list.querySelector(".rd-last")?.remove();
    list.append(card.row);
  }
}

// The card in focus leaves the list, and what stood before it.
export function advance(id) {
  const row = document.querySelector(`#next li[data-id="${id}"]`);
  if (!row) return extend();
  while (row.previousElementSibling) row.previousElementSibling.remove();
  row.remove();
  extend();
}
