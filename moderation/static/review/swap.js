// Fetch the page that a form or a link leads to and change only what it says: the frame stays where it is.
import { author, focusCard, read, say, tell } from "./page.js";

const CONFLICT = [409, 412];
let busy = false;

function show(page, url, push) {
  for (const id of ["rail", "main"]) {
    const fresh = page.getElementById(id);
    if (fresh) document.getElementById(id)?.replaceWith(document.adoptNode(fresh));
  }
  document.title = page.title;
  if (push) history.pushState(null, "", url);
  focusCard();
  scrollTo({ top: 0 });
  say([document.getElementById("notice")?.textContent, author()].filter(Boolean).join(" "));
  document.dispatchEvent(new CustomEvent("desk:page"));
}

// A colleague was first: say so, and go on with the queue.
async function goOn(answer, push) {
  const sentence = (await read(answer)).getElementById("notice")?.textContent;
  const { here = location.pathname, next: after } = document.getElementById("card")?.dataset ?? {};
  const next = await fetch(after ? `${here}?focus=${after}&then=1` : here);
  show(await read(next), next.url, push);
  tell(sentence);
}

async function load(request, { push, said, otherwise }) {
  if (busy) return;
  busy = true;
  document.getElementById("main")?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(request);
    if (CONFLICT.includes(answer.status)) return await goOn(answer, push);
    const page = await read(answer);
    if (!answer.ok || !page.getElementById("rail")) return otherwise();
    show(page, answer.url, push);
    if (said) tell(said);
  } catch {
    tell("No connection. Nothing was decided; try again.");
  } finally {
    busy = false;
    document.getElementById("main")?.removeAttribute("aria-busy");
  }
}

export function go(url, { push = true, said = "" } = {}) {
  return load(url, { push, said, otherwise: () => location.assign(url) });
}

// An answer that is no page of the desk (signed out, no right) changed nothing: the plain form asks for it again.
export function submit(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const otherwise = () => {
    form.dataset.plain = "yes";
    form.requestSubmit(submitter);
  };
  return load(new Request(form.action, { method: "POST", body }), { push: true, otherwise });
}

addEventListener("popstate", () => go(location.href, { push: false }));
