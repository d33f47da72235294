// Decide and go on at once; the decision is saved behind, and what the server refuses comes back.
import { advance, again, next, nextAtOnce, pass, putBack, refill } from "./ahead.js";
import { author, count, put, read, refuse, say, stage, tell } from "./page.js";
import { cancel, save, whenSaved } from "./saves.js";
import { go, submit } from "./swap.js";

const CONFLICT = [409, 412];
const MOST_UNDONE = 20;
const past = [];
const underway = new Set();
let waiting = false;

const COUNTED = ["approve", "reject", "uphold", "overturn"];
const typing = () => document.activeElement?.matches("textarea, input:not([type=hidden])");

// Step on from the card in its place; resolves with whether there is another.
async function step() {
  const card = nextAtOnce();
  if (card) return show(card);
  waiting = true;
  document.getElementById("main").setAttribute("aria-busy", "true");
  const late = await next([...underway]);
  waiting = false;
  document.getElementById("main").removeAttribute("aria-busy");
  return late ? show(late) : false;
}

function show(card) {
  put(card);
  advance(card.dataset.id);
  refill([...underway]);
  return true;
}

function bodyOf(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const veil = document.querySelector("#stage > article .rd-text-veil");
  if (veil && !veil.dataset.opened && form.elements.veil) body.set("veil", "closed");
  return body;
}

export async function decide(form, submitter) {
  const card = stage();
  if (waiting || underway.has(card.dataset.id)) return undefined;
  if (!card.dataset.ahead) return submit(form, submitter);
  const body = bodyOf(form, submitter);
  const what = submitter?.value ?? "";
  const counted = COUNTED.includes(body.get("do")) || body.has("reason");
  const op = { url: form.action, body, id: card.dataset.id, card, queue: card.dataset.queue, said: submitter?.dataset.done, counted };
  underway.add(op.id);
  if (counted) count(op.queue, -1);
  if (what === "skip") pass(op.id);
  else past.push(op);
  if (past.length > MOST_UNDONE) past.shift();
  save(op);
  const moved = await step();
  tell(op.said ?? "Done.", { aloud: false });
  offerUndo();
  say(`${op.said ?? "Done."} ${moved ? author() : ""}`);
  // At the end of the line the server knows what there is to say.
  if (!moved) await op.done.then(() => (stage() === card ? go(location.pathname, { push: false, said: op.said }) : null));
}

function offerUndo() {
  const form = document.getElementById("undo-form");
  if (!form) return;
  form.hidden = !past.length && !form.elements.decision.value;
  document.getElementById("undo-what").hidden = past.length > 0;
}

export async function undo(form) {
  const op = past.pop();
  if (!op) return submit(form);
  if (cancel(op)) {
    underway.delete(op.id);
    if (op.counted) count(op.queue, 1);
    putBack(put(op.card));
    tell("Taken back before it was sent. Nothing was decided.");
    return offerUndo();
  }
  await op.done;
  if (op.refused) return undefined;
  form.elements.decision.value = op.decision ?? "";
  return submit(form);
}

// A next card that nobody decided on: the same step without a decision.
export async function leave(link) {
  const card = stage();
  if (!card?.dataset.ahead || !link) return link ? go(link.href) : undefined;
  const follows = nextAtOnce();
  if (!follows) return go(link.href);
  pass(card.dataset.id);
  show(follows);
  return say(author());
}

function comeBack(card) {
  if (typing()) putBack(card);
  else putBack(put(card));
}

whenSaved({
  saved(op, answer) {
    underway.delete(op.id);
    op.decision = answer.decision;
    op.card = null;
    if (past.at(-1) === op && answer.said) tell(answer.said, { aloud: false });
  },

  async refused(op, status, sentence) {
    underway.delete(op.id);
    op.refused = true;
    const at = past.indexOf(op);
    if (at >= 0) past.splice(at, 1);
    const words = sentence || "The server did not take it. Nothing was decided.";
    tell(words);
    refuse(`${author(op.card) || "A reply"}: ${words}`);
    offerUndo();
    // Decided by somebody else it is gone; edited by its author it waits again, with its new text.
    const fresh = CONFLICT.includes(status) ? await again(op.id) : op.card;
    if (fresh && op.counted) count(op.queue, 1);
    if (fresh) comeBack(fresh);
    op.card = null;
  },

  async token() {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    const page = await read(answer);
    return page.getElementById("rail") ? page.querySelector("input[name=csrf_token]").value : "";
  },
});

export const inTransit = () => [...underway];
