// Decisions on their way to the server: one after the other, in order, and each until it is answered.
const WAITS_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const LATER = [429, 502, 503, 504];
const queue = [];
let running = false;
let failures = 0;
let wake = null;
let signedOut = false;
let freshToken = "";

const hooks = { saved() {}, refused() {}, token: async () => "" };

export function whenSaved(given) {
  Object.assign(hooks, given);
}

export const unsaved = () => queue.length;

// `op`: {url, body, id, card, said}. It is sent with the version that was seen: repeated, it decides nothing twice.
export function save(op) {
  op.done = new Promise((resolve) => { op.finish = resolve; });
  queue.push(op);
  tell();
  run();
  return op;
}

// Take one back that has not been sent: true where it never left.
export function cancel(op) {
  const at = queue.indexOf(op);
  if (at < 0 || op.sent) return false;
  queue.splice(at, 1);
  op.finish();
  tell();
  return true;
}

async function run() {
  if (running) return;
  running = true;
  while (queue.length) {
    const answer = await send(queue[0]);
    if (!answer) await pause();
    else {
      failures = 0;
      const op = queue.shift();
      if (answer.ok) hooks.saved(op, answer.said);
      else await hooks.refused(op, answer.status, answer.sentence);
      op.finish();
    }
    tell();
  }
  running = false;
  tell();
}

// What the server said of it, or null where it has to be sent again.
async function send(op) {
  try {
    if (signedOut && !(await renew())) return null;
    if (freshToken) op.body.set("csrf_token", freshToken);
    op.sent ||= navigator.onLine;
    const answer = await fetch(op.url, { method: "POST", body: op.body, headers: { Accept: "application/json" } });
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    if (answer.ok) {
      signedOut = false;
      return { ok: true, said: isJson ? await answer.json() : {} };
    }
    if (LATER.includes(answer.status)) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status === 401) { signedOut = true; return null; }
    return { ok: false, status: answer.status, sentence: page.getElementById("notice")?.textContent.trim() ?? "" };
  } catch {
    // Nobody knows whether it arrived: it is sent again, and the server knows it by its version.
    return null;
  }
}

// After a new sign-in the forms of this page need its token.
async function renew() {
  freshToken = await hooks.token();
  for (const field of document.querySelectorAll("input[name=csrf_token]")) if (freshToken) field.value = freshToken;
  return Boolean(freshToken);
}

function pause() {
  const wait = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)];
  failures += 1;
  tell();
  return new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, wait);
  });
}

function tell() {
  const place = document.getElementById("saved");
  if (!place) return;
  const count = queue.length;
  const words = !count ? "Saved" : failures ? `${count} not saved yet` : "Saving";
  if (place.dataset.words === words + signedOut) return;
  place.dataset.words = words + signedOut;
  place.textContent = words;
  place.classList.toggle("is-waiting", Boolean(count && failures));
  if (!signedOut) return;
  const link = document.createElement("a");
  link.href = document.body.dataset.login;
  link.target = "_blank";
  link.textContent = "Your session has ended: sign in";
  place.append(". ", link);
}

addEventListener("online", () => wake?.());
addEventListener("focus", () => { if (signedOut) wake?.(); });
addEventListener("beforeunload", (event) => {
  if (queue.length) event.preventDefault();
});
