// What colleagues do meanwhile: counts, claims, decisions. Nothing moves under the cursor; only words change.
import { forget, inHand, leaseNow, told } from "./ahead.js";
import { counted, say, stage, token } from "./page.js";
import { unsaved } from "./saves.js";

const EVERY_MS = 5_000;
const MOST_WAIT_MS = 60_000;
const RENEW_MS = 45_000;
// Who has not touched anything for so long is not looking: the claims run out by themselves.
const IDLE_MS = 300_000;
let etag = "";
let asked = "";
let wait = EVERY_MS;
let touched = Date.now();
let warned = "";

const rows = () => [...document.querySelectorAll("#next li[data-id]")];

async function look() {
  const card = stage();
  const address = card?.dataset.live ?? document.body.dataset.live;
  if (!address || document.hidden) return;
  const ids = [...new Set([...rows().map((row) => row.dataset.id), ...inHand()])];
  const query = new URLSearchParams({ ids: ids.join(","), ...(card ? { focus: card.dataset.id, version: card.dataset.version } : {}) });
  const url = `${address}?${query}`;
  try {
    const answer = await fetch(url, { headers: asked === url && etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    wait = answer.ok || answer.status === 304 ? EVERY_MS : Math.min(wait * 2, MOST_WAIT_MS);
    if (!answer.ok) return;
    asked = url;
    etag = answer.headers.get("ETag") ?? "";
    show(await answer.json());
  } catch {
    wait = Math.min(wait * 2, MOST_WAIT_MS);
  }
}

function show({ counts, oldest, held, gone, changed, care }) {
  for (const [name, number] of Object.entries(counts)) if (!unsaved()) counted(name, number);
  const age = document.getElementById("oldest");
  if (age && oldest) age.textContent = oldest;
  forget(gone);
  for (const row of rows()) mark(row, gone.includes(row.dataset.id) ? "decided meanwhile" : looking(held[row.dataset.id]));
  warn(changed || looking(held[stage()?.dataset.id]));
  if (care) document.dispatchEvent(new CustomEvent("desk:care", { detail: care }));
}

const looking = (name) => (name ? `${name} is looking at this` : "");

function badge(words) {
  const mark = document.createElement("span");
  mark.className = "badge rd-warn";
  mark.textContent = words;
  return mark;
}

// A row keeps its place; it only says that somebody has it.
function mark(row, words) {
  if ((row.dataset.said ?? "") === words) return;
  row.dataset.said = words;
  row.classList.toggle("is-held", Boolean(words));
  const top = row.querySelector(".top");
  row.dataset.was ??= top.textContent;
  top.replaceChildren(words ? badge(words) : row.dataset.was);
}

function warn(words) {
  const place = document.querySelector("#stage .claim");
  const about = `${stage()?.dataset.id} ${words}`;
  if (!place || !words || warned.startsWith(about)) return;
  warned = about;
  place.replaceChildren(badge(words));
  say(words);
}

function mine() {
  const card = stage();
  return card?.dataset.claims ? [card.dataset.id, ...inHand()] : [];
}

async function renew() {
  const hold = mine();
  if (!hold.length || document.hidden || Date.now() - touched > IDLE_MS) return;
  try {
    const answer = await fetch(stage().dataset.claims, { method: "POST", body: new URLSearchParams({ csrf_token: token(), hold: hold.join(",") }) });
    if (!answer.ok) return;
    const { held, lease } = await answer.json();
    told(lease);
    forget(inHand().filter((id) => !held.includes(id)));
  } catch {
    // Without a connection the claim runs out, and that is what it is for.
  }
}

// Let go of some while the page stays, or of all when it goes: a beacon outlives the page.
export function release(ids) {
  const address = stage()?.dataset.claims;
  if (!address || !ids.length) return;
  navigator.sendBeacon(address, new URLSearchParams({ csrf_token: token(), release: ids.join(","), lease: leaseNow() }));
}

export function start() {
  for (const kind of ["keydown", "pointerdown", "wheel"])
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  addEventListener("pagehide", () => release(mine()));
  addEventListener("pageshow", (event) => { if (event.persisted) renew(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  setInterval(renew, RENEW_MS);
  const again = () => setTimeout(() => look().finally(again), wait);
  again();
}
