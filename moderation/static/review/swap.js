// Fetch the page that a form or a link leads to and change only what it says: the frame stays where it is.
const CONFLICT = [409, 412];
let busy = false;

function say(words) {
  const region = document.getElementById("say");
  if (region && words) region.textContent = words;
}

function show(page, url, push) {
  for (const id of ["rail", "main"]) {
    const fresh = page.getElementById(id);
    if (fresh) document.getElementById(id)?.replaceWith(document.adoptNode(fresh));
  }
  document.title = page.title;
  if (push) history.pushState(null, "", url);
  (document.getElementById("card") ?? document.getElementById("main")).focus({ preventScroll: true });
  scrollTo({ top: 0 });
  const author = document.getElementById("card-author")?.textContent.trim();
  say([document.getElementById("notice")?.textContent, author].filter(Boolean).join(" "));
}

function tell(sentence) {
  const line = document.getElementById("undo");
  if (!line || !sentence) return;
  const notice = line.querySelector("#notice") ?? line.insertBefore(document.createElement("p"), line.firstChild);
  notice.id = "notice";
  notice.textContent = sentence;
  say(sentence);
}

async function read(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// A colleague was first: say so, and go on with the queue.
async function goOn(answer, push) {
  const sentence = (await read(answer)).getElementById("notice")?.textContent;
  const { here = location.pathname, next: after } = document.getElementById("card")?.dataset ?? {};
  const next = await fetch(after ? `${here}?focus=${after}&then=1` : here);
  show(await read(next), next.url, push);
  tell(sentence);
}

async function load(request, { push, otherwise }) {
  if (busy) return;
  busy = true;
  document.getElementById("main")?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(request);
    if (CONFLICT.includes(answer.status)) return await goOn(answer, push);
    const page = await read(answer);
    if (!answer.ok || !page.getElementById("rail")) return otherwise();
    show(page, answer.url, push);
  } catch {
    tell("No connection. Nothing was decided; try again.");
  } finally {
    busy = false;
    document.getElementById("main")?.removeAttribute("aria-busy");
  }
}

export function go(url, push = true) {
  return load(url, { push, otherwise: () => location.assign(url) });
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

addEventListener("popstate", () => go(location.href, false));
